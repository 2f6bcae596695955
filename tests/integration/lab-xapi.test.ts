/** The lab's xapi as processes of their own, as a host runs them: one of them is killed without warning. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import type { LoopbackHost } from '../../lib/lab/xapi/conformance/loopback-pool'
import { LoopbackPool, SHORT_TIMES } from '../../lib/lab/xapi/conformance/loopback-pool'
import { ROOT } from '../house/sources'
import { failure, rpc, tcp, unix, until } from '../unit/lab/xapi/pool'

describe('xapi of three hosts', () => {
  const running = new Map<LoopbackHost, ChildProcess>()
  let folder = ''
  let pool: LoopbackPool

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lab-xapi-'))
    await build({
      ...{ bundle: true, platform: 'node', target: 'node20', logLevel: 'error' },
      ...{ entryPoints: [join(ROOT, 'plugin/lab/xapi.ts')], outfile: join(folder, 'xapi.js') },
    })
    pool = await LoopbackPool.make(['h1', 'h2', 'h3'], 'secret', SHORT_TIMES)
    for (const host of pool.hosts) start(host)
  }, 60_000)
  afterAll(async () => {
    for (const host of [...running.keys()]) await kill(host)
    await pool.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function start(host: LoopbackHost): void {
    const argv = [join(folder, 'xapi.js'), '--root', host.root, '--port', String(pool.port), '--listen', host.address]
    running.set(host, spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'inherit'] }))
  }

  async function kill(host: LoopbackHost): Promise<void> {
    const child = running.get(host)
    running.delete(host)
    if (child === undefined || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  /** The call's answer once there is one; while a process starts it refuses connections or resets them. */
  async function eventually(call: () => Promise<unknown>): Promise<unknown> {
    let answer: unknown
    await until('an answer', async () => {
      try {
        answer = await call()
        return true
      } catch {
        return false
      }
    })
    return answer
  }

  test('the pool outlives its coordinator', async () => {
    const [head, second, third] = pool.hosts
    if (head === undefined || second === undefined || third === undefined) throw new Error('three hosts were asked for')
    const login = (host: LoopbackHost): Promise<unknown> => rpc(tcp(pool, host), 'session.login_with_password', 'root', 'secret')
    const session = await eventually(() => login(head))
    await until('every host has reported', async () => {
      const hosts = (await rpc(tcp(pool, head), 'host.get_all', session)) as string[]
      const enabled = await Promise.all(hosts.map((host) => rpc(tcp(pool, head), 'host.get_enabled', session, host)))
      return enabled.every((each) => each === true)
    })
    await rpc(tcp(pool, head), 'secret.create', session, { value: 'kept' })
    await rpc(tcp(pool, head), 'pool.sync_database', session)
    await kill(head)

    const local = await rpc(unix(second), 'session.slave_local_login_with_password', 'root', '')
    await rpc(unix(second), 'pool.emergency_transition_to_master', local)
    const fresh = await eventually(() => login(second))
    expect(Object.values((await rpc(tcp(pool, second), 'secret.get_all_records', fresh)) as object)).toMatchObject([
      { value: 'kept' },
    ])
    const thirdRef = await rpc(tcp(pool, second), 'host.get_by_uuid', fresh, third.description.uuid)
    expect(await rpc(tcp(pool, second), 'pool.recover_slaves', fresh)).toEqual([thirdRef])

    start(head)
    for (const host of [head, third]) {
      await until(`${host.name} follows the new coordinator`, async () => {
        const error = await eventually(() => failure(login(host)))
        return JSON.stringify(error) === JSON.stringify(['HOST_IS_SLAVE', second.address])
      })
    }
    await until('all hosts have reported to it', async () => {
      const hosts = (await rpc(tcp(pool, second), 'host.get_all', fresh)) as string[]
      const enabled = await Promise.all(hosts.map((host) => rpc(tcp(pool, second), 'host.get_enabled', fresh, host)))
      return enabled.every((each) => each === true)
    })
  }, 120_000)
})
