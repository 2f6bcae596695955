import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import type { LoopbackHost } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import { failure, rpc, tcp, unix, until } from './pool'

describe('roles of hosts', () => {
  let pool: LoopbackPool
  let hosts: readonly [LoopbackHost, LoopbackHost, LoopbackHost]

  beforeEach(async () => {
    pool = await LoopbackPool.make(['h1', 'h2', 'h3'], 'secret', SHORT_TIMES)
    const [a, b, c] = pool.hosts
    if (a === undefined || b === undefined || c === undefined) throw new Error('three hosts were asked for')
    hosts = [a, b, c]
    for (const host of hosts) await pool.powerOn(host)
    const session = await login(a)
    await until('every host has reported', async () => {
      const records = Object.values((await rpc(tcp(pool, a), 'host.get_all_records', session)) as object)
      return records.every(
        (each: unknown) => typeof each === 'object' && each !== null && 'enabled' in each && each.enabled === true,
      )
    })
  })
  afterEach(() => pool.close())

  const login = (host: LoopbackHost): Promise<string> =>
    rpc(tcp(pool, host), 'session.login_with_password', 'root', 'secret', '1.0', 'test').then(String)
  const local = (host: LoopbackHost): Promise<string> =>
    rpc(tcp(pool, host), 'session.slave_local_login_with_password', 'root', 'secret').then(String)
  const refOf = (host: LoopbackHost, at: LoopbackHost, session: string): Promise<unknown> =>
    rpc(tcp(pool, at), 'host.get_by_uuid', session, host.description.uuid)

  async function promote(host: LoopbackHost): Promise<string> {
    expect(await rpc(tcp(pool, host), 'pool.emergency_transition_to_master', await local(host))).toBe('')
    let session = ''
    await until('the promoted member answers as coordinator', async () => {
      try {
        session = await login(host)
        return true
      } catch {
        return false
      }
    })
    return session
  }

  test('a call to a dead host blocks, then says that it cannot be contacted', async () => {
    const [head, , third] = hosts
    const session = await login(head)
    const ref = await refOf(third, head, session)
    await pool.powerOff(third)
    const began = Date.now()
    const call = rpc(tcp(pool, head), 'host.call_plugin', session, ref, 'any', 'fn', {})
    expect(await failure(call)).toEqual(['CANNOT_CONTACT_HOST', ref])
    expect(Date.now() - began).toBeGreaterThanOrEqual(SHORT_TIMES.deadHostCallMs - 300)
    const [metrics] = (await rpc(tcp(pool, head), 'host_metrics.get_all', session)) as string[]
    expect(await rpc(tcp(pool, head), 'host_metrics.get_live', session, metrics)).toBe(true)
  })

  test('a member takes over on the last copy of the database, and the others follow', async () => {
    const [head, second, third] = hosts
    const session = await login(head)
    await rpc(tcp(pool, head), 'pool.set_name_description', session, (await poolRef(head, session)) ?? '', 'before the copy')
    await rpc(tcp(pool, head), 'pool.sync_database', session)
    await pool.powerOff(head)

    const promoted = tcp(pool, second)
    expect(await rpc(promoted, 'pool.emergency_transition_to_master', await local(second))).toBe('')
    // The fuse burns: still a member.
    expect(await failure(rpc(promoted, 'session.login_with_password', 'root', 'secret'))).toEqual(['HOST_IS_SLAVE', head.address])
    const fresh = await promote(second).catch(() => login(second))
    const pools = (await rpc(promoted, 'pool.get_all_records', fresh)) as object
    expect(Object.values(pools)).toMatchObject([
      { name_description: 'before the copy', master: await refOf(second, second, fresh) },
    ])
    expect(await failure(rpc(tcp(pool, third), 'session.login_with_password', 'root', 'secret'))).toEqual([
      ...['HOST_IS_SLAVE', head.address],
    ])
    expect(await rpc(promoted, 'pool.recover_slaves', fresh)).toEqual([await refOf(third, second, fresh)])
    await until('the third host follows the new coordinator', async () => {
      try {
        const error = await failure(rpc(tcp(pool, third), 'session.login_with_password', 'root', 'secret'))
        return JSON.stringify(error) === JSON.stringify(['HOST_IS_SLAVE', second.address])
      } catch {
        return false
      }
    })
    const thirdRef = await refOf(third, second, fresh)
    await until(
      'the third host is enabled again',
      async () => (await rpc(promoted, 'host.get_enabled', fresh, thirdRef)) === true,
    )

    await pool.powerOn(head)
    await until('the old coordinator finds the new one and becomes its member', async () => {
      try {
        const error = await failure(rpc(tcp(pool, head), 'session.login_with_password', 'root', 'secret'))
        return JSON.stringify(error) === JSON.stringify(['HOST_IS_SLAVE', second.address])
      } catch {
        return false
      }
    })
  }, 60_000)

  test('what needs the database waits while the coordinator is dead', async () => {
    const [head, second] = hosts
    const session = await local(second)
    await pool.powerOff(head)
    let isAnswered = false
    const waiting = rpc(unix(second), 'VM.get_all', session).then(
      () => (isAnswered = true),
      () => (isAnswered = true),
    )
    expect(await rpc(tcp(pool, second), 'host.is_in_emergency_mode', session)).toBe(false)
    expect(isAnswered).toBe(false)
    await pool.powerOn(head)
    await waiting
  })

  test('two members promoted at once do not share a pool silently: the later start gives way', async () => {
    const [head, second, third] = hosts
    await rpc(tcp(pool, head), 'pool.sync_database', await login(head))
    await pool.powerOff(head)
    await promote(second)
    await pool.powerOff(third)
    await pool.powerOn(third)
    expect(await rpc(tcp(pool, third), 'pool.emergency_transition_to_master', await local(third))).toBe('')
    await until('the third host is a member of the second', async () => {
      try {
        const error = await failure(rpc(tcp(pool, third), 'session.login_with_password', 'root', 'secret'))
        return JSON.stringify(error) === JSON.stringify(['HOST_IS_SLAVE', second.address])
      } catch {
        return false
      }
    })
  }, 60_000)

  async function poolRef(at: LoopbackHost, session: string): Promise<string | undefined> {
    const all = (await rpc(tcp(pool, at), 'pool.get_all', session)) as string[]
    return all[0]
  }
})
