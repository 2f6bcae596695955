import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import type { LoopbackHost } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import { failure, post, rpc, tcp, unix } from './pool'

describe('sessions', () => {
  let pool: LoopbackPool
  let head: LoopbackHost
  let member: LoopbackHost

  beforeAll(async () => {
    pool = await LoopbackPool.make(['h1', 'h2'], 'secret', SHORT_TIMES)
    const [first, second] = pool.hosts
    if (first === undefined || second === undefined) throw new Error('two hosts were asked for')
    ;[head, member] = [first, second]
    for (const host of pool.hosts) await pool.powerOn(host)
  })
  afterAll(() => pool.close())

  const login = (): Promise<unknown> => rpc(tcp(pool, head), 'session.login_with_password', 'root', 'secret', '1.0', 'test')

  test('the coordinator checks user and password', async () => {
    expect(await login()).toMatch(/^OpaqueRef:/)
    expect(await failure(rpc(tcp(pool, head), 'session.login_with_password', 'root', 'x'))).toEqual([
      ...['SESSION_AUTHENTICATION_FAILED', 'root', 'Authentication failure'],
    ])
    expect(await failure(rpc(tcp(pool, head), 'session.login_with_password', 'root'))).toEqual([
      ...['MESSAGE_PARAMETER_COUNT_MISMATCH', 'session.login_with_password', '2', '1'],
    ])
  })

  test('the order of checks decides the error', async () => {
    const session = await login()
    const at = tcp(pool, head)
    expect(await failure(rpc(at, 'VM.get_all'))).toEqual(['MESSAGE_PARAMETER_COUNT_MISMATCH', 'VM.get_all', '0', '-1'])
    expect(await failure(rpc(at, 'VM.get_all', 'junk'))).toEqual(['SESSION_INVALID', 'junk'])
    expect(await failure(rpc(at, 'VM.get_all', 1))).toEqual(['INTERNAL_ERROR', `Failure("Expected string, got 'I(1)'")`])
    expect(await failure(rpc(at, 'vm.get_all', session))).toEqual(['MESSAGE_METHOD_UNKNOWN', 'vm.get_all'])
    expect(await failure(rpc(at, 'Async.VM.get_all', session))).toEqual([
      ...['Fault', 'No async mode for this operation (rpc: VM.get_all)'],
    ])
    expect(await rpc(at, 'session.logout', session)).toBe('')
    expect(await failure(rpc(at, 'VM.get_all', session))).toEqual(['SESSION_INVALID', session])
  })

  test('a member sends strangers to the coordinator and serves its own', async () => {
    const session = await login()
    const at = tcp(pool, member)
    expect(await failure(rpc(at, 'session.login_with_password', 'root', 'wrong'))).toEqual(['HOST_IS_SLAVE', head.address])
    expect(await failure(rpc(at, 'VM.get_all', session))).toEqual(['HOST_IS_SLAVE', head.address])
    expect(await failure(rpc(at, 'VM.get_all', 'junk'))).toEqual(['SESSION_INVALID', 'junk'])
    const local = await rpc(at, 'session.slave_local_login_with_password', 'root', 'secret')
    expect(await rpc(at, 'host.get_by_name_label', local, 'h2')).toHaveLength(1)
    expect(await rpc(at, 'host.is_in_emergency_mode', local)).toBe(false)
    expect(await failure(rpc(tcp(pool, head), 'VM.get_all', local))).toEqual(['SESSION_INVALID', local])
    expect(await rpc(at, 'session.local_logout', local)).toBe('')
    expect(await failure(rpc(at, 'VM.get_all', local))).toEqual(['SESSION_INVALID', local])
  })

  test('root on the unix socket needs no password, on a member as on the coordinator', async () => {
    for (const host of [head, member]) {
      const session = await rpc(unix(host), 'session.login_with_password', 'root', 'anything')
      const here = await rpc(unix(host), 'session.get_this_host', session, session)
      expect(await rpc(unix(host), 'host.get_name_label', session, here)).toBe(host.name)
    }
  })

  test('XML-RPC has ints as bare strings, dates and floats by type', async () => {
    const session = String(await login())
    const call = (method: string, ...params: string[]): string =>
      `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${params
        .map((each) => `<param><value><string>${each}</string></value></param>`)
        .join('')}</params></methodCall>`
    const task = String(await rpc(tcp(pool, head), 'task.create', session, 'job <1>', ''))
    const { text } = await post(tcp(pool, head), '/RPC2', call('task.get_record', session, task))
    expect(text).toContain('<member><name>name_label</name><value>job &lt;1&gt;</value></member>')
    expect(text).toContain('<member><name>progress</name><value><double>0</double></value></member>')
    expect(text).toMatch(/<member><name>created<\/name><value><dateTime.iso8601>\d{8}T\d\d:\d\d:\d\dZ<\/dateTime.iso8601>/)
    const host = String(await rpc(tcp(pool, head), 'session.get_this_host', session, session))
    const record = await post(tcp(pool, head), '/', call('host.get_record', session, host))
    expect(record.text).toContain('<member><name>API_version_major</name><value>2</value></member>')
    expect(record.text).toContain('<member><name>enabled</name><value><boolean>1</boolean></value></member>')
  })

  test('envelopes that XAPI does not know are an HTTP 500', async () => {
    const bodies = [
      '',
      '{',
      '[]',
      '{"jsonrpc":"2.0","method":"VM.get_all","params":["x"]}',
      '{"jsonrpc":"1.0","method":"a","id":1}',
    ]
    for (const body of bodies) expect((await post(tcp(pool, head), '/jsonrpc', body)).status).toBe(500)
    for (const body of ['', '{}', '<methodCall>']) expect((await post(tcp(pool, head), '/', body)).status).toBe(500)
    const large = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'VM.get_all', params: ['x'.repeat(310_000)] })
    expect((await post(tcp(pool, head), '/jsonrpc', large)).text).toContain('Client_requested_size_over_limit')
  })
})
