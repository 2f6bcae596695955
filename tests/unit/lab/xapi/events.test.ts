import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import type { LoopbackHost } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import { failure, post, rpc, tcp } from './pool'

interface Event {
  readonly id: string
  readonly class: string
  readonly operation: string
  readonly ref: string
  readonly snapshot?: { readonly [field: string]: unknown }
}
interface Batch {
  readonly events: readonly Event[]
  readonly token: string
  readonly valid_ref_counts: { readonly [cls: string]: number }
}

describe('events', () => {
  let pool: LoopbackPool
  let head: LoopbackHost
  let session: string
  let network: string

  beforeAll(async () => {
    pool = await LoopbackPool.make(['h1'], 'secret', SHORT_TIMES)
    const [first] = pool.hosts
    if (first === undefined) throw new Error('a host was asked for')
    head = first
    await pool.powerOn(head)
    session = await login()
    network = ((await call('network.get_all')) as string[])[0] ?? ''
  })
  afterAll(() => pool.close())

  const login = (): Promise<string> =>
    rpc(tcp(pool, head), 'session.login_with_password', 'root', 'secret', '1.0', 'test').then(String)
  const call = (method: string, ...params: unknown[]): Promise<unknown> => rpc(tcp(pool, head), method, session, ...params)
  const from = (classes: string[], token: string, timeout: unknown = 5): Promise<Batch> =>
    call('event.from', classes, token, timeout) as Promise<Batch>
  const told = ({ events }: Batch): string[] => events.map((event) => `${event.class} ${event.operation} ${event.ref}`)

  test('the empty token tells every object of the classes, whatever their case', async () => {
    const batch = await from(['NETWORK', 'host'], '')
    expect(told(batch)).toContain(`network add ${network}`)
    expect(batch.events.every(({ operation, snapshot }) => operation === 'add' && snapshot !== undefined)).toBe(true)
    expect(batch.token).toMatch(/^\d{20},\d{20}$/)
    expect(batch.valid_ref_counts).toMatchObject({ host: 1, vm: 1, role: 0, message: 0, pvs_proxy: 0 })
  })

  test('changes made while nobody listened come as one event; a value set again as none', async () => {
    const { token } = await from(['network'], '')
    for (const text of ['a', 'b', 'c']) await call('network.set_name_description', network, text)
    const batch = await from(['network'], token)
    expect(told(batch)).toEqual([`network mod ${network}`])
    expect(batch.events[0]?.snapshot).toMatchObject({ name_description: 'c' })
    await call('network.set_name_description', network, 'c')
    expect((await from(['network'], batch.token, 0)).events).toEqual([])
  })

  test('a waiting listener wakes for what it wants, and only for that', async () => {
    const { token } = await from(['network'], '')
    const waiting = from([`network/${network}`], token, '30')
    await call('pool.add_tags', ((await call('pool.get_all')) as string[])[0], 'elsewhere')
    await call('network.add_tags', network, 'here')
    expect(told(await waiting)).toEqual([`network mod ${network}`])
  })

  test('what names nothing is waited for until the time is up', async () => {
    for (const classes of [['nosuchclass'], ['VM/a/b'], [''], [], ['session']]) {
      expect(await from(classes, '', 0.05)).toMatchObject({ events: [], token: `${'0'.repeat(20)},${'0'.repeat(20)}` })
    }
    expect(await failure(from(['vm'], 'junk'))).toEqual(['EVENT_FROM_TOKEN_PARSE_FAILURE', 'junk'])
  })

  test('the token of event.inject is older than the touch', async () => {
    const token = (await call('event.inject', 'network', network)) as string
    expect(told(await from(['network'], token))).toEqual([`network mod ${network}`])
    expect(await failure(call('event.inject', 'NETWORK', network))).toEqual(['HANDLE_INVALID', 'NETWORK', network])
  })

  test('messages have a generation of their own, id 0, and their end is always told', async () => {
    const uuid = await call('network.get_uuid', network)
    expect(await failure(call('message.create', 'X', 3, 'VM', uuid, ''))).toEqual(['UUID_INVALID', 'VM', uuid])
    const host = ((await call('host.get_all')) as string[])[0]
    const message = (await call(
      'message.create',
      'HOLDFAST_TEST',
      3,
      'Host',
      await call('host.get_uuid', host),
      'body',
    )) as string
    const { token, events } = await from(['message'], '')
    expect(events).toMatchObject([
      { id: '0', class: 'message', operation: 'add', snapshot: { name: 'HOLDFAST_TEST', priority: 3 } },
    ])
    await call('message.destroy', message)
    expect(told(await from(['message'], token))).toEqual([`message del ${message}`])
    expect(told(await from(['message'], ''))).toEqual([`message del ${message}`])
  })

  test('the end of a session ends its waiting call', async () => {
    const other = await login()
    const waiting = failure(rpc(tcp(pool, head), 'event.from', other, ['pool'], '9999999999,0', 60))
    await rpc(tcp(pool, head), 'session.logout', other)
    expect(await waiting).toEqual(['SESSION_INVALID', other])
  })

  test('in XML the counts are <i4>, snapshots typed like records', async () => {
    const params = [session, 'pif', ''].map((text) => `<value>${text}</value>`)
    const body = `<methodCall><methodName>event.from</methodName><params><param>${params[0] ?? ''}</param><param><value><array><data>${params[1] ?? ''}<value>host_metrics</value></data></array></value></param><param>${params[2] ?? ''}</param><param><value><double>5</double></value></param></params></methodCall>`
    const { text } = await post(tcp(pool, head), '/', body)
    expect(text).toContain('<member><name>host</name><value><i4>1</i4></value></member>')
    expect(text).toContain('<member><name>timestamp</name><value>0.0</value></member>')
    expect(text).toMatch(/<name>last_updated<\/name><value><dateTime.iso8601>/)
    expect(text).toContain('<member><name>VLAN</name><value>-1</value></member>')
  })

  test('event.next tells what happened since the session registered', async () => {
    const other = await login()
    const at = tcp(pool, head)
    expect(await failure(rpc(at, 'event.next', other))).toEqual([
      'SESSION_NOT_REGISTERED',
      expect.stringMatching(/^trackid=[0-9a-f]{32}$/),
    ])
    await rpc(at, 'event.register', other, ['network'])
    await call('network.add_tags', network, 'next')
    expect(await rpc(at, 'event.next', other)).toMatchObject([{ class: 'network', operation: 'mod', ref: network }])
  })
})
