import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import type { LoopbackHost } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import { failure, rpc, tcp, until } from './pool'

describe('calls that follow from the schema, tasks, secrets', () => {
  let pool: LoopbackPool
  let head: LoopbackHost
  let session: string
  let poolRef: string

  beforeAll(async () => {
    pool = await LoopbackPool.make(['h1'], 'secret', SHORT_TIMES)
    const [first] = pool.hosts
    if (first === undefined) throw new Error('a host was asked for')
    head = first
    await pool.powerOn(head)
    session = String(await rpc(tcp(pool, head), 'session.login_with_password', 'root', 'secret', '1.0', 'test'))
    poolRef = ((await call('pool.get_all')) as string[])[0] ?? ''
  })
  afterAll(() => pool.close())

  const call = (method: string, ...params: unknown[]): Promise<unknown> => rpc(tcp(pool, head), method, session, ...params)
  const mistake = (text: string): string[] => ['INTERNAL_ERROR', `Failure("${text}")`]

  test('what does not exist has the error of its kind', async () => {
    expect(await failure(call('pool.get_record', 'junk'))).toEqual(['HANDLE_INVALID', 'pool', 'junk'])
    expect(await failure(call('pool.get_by_uuid', 'junk'))).toEqual(['UUID_INVALID', 'pool', 'junk'])
    for (const method of [
      'pool.get_by_name_label',
      'pool.set_master',
      'session.get_all',
      'message.get_name',
      'pool.get_nothing',
    ]) {
      expect(await failure(call(method, poolRef, 'x'))).toEqual(['MESSAGE_METHOD_UNKNOWN', method])
    }
  })

  test('maps and sets change key by key', async () => {
    expect(await call('pool.add_to_other_config', poolRef, 'k', 'v')).toBe('')
    expect(await failure(call('pool.add_to_other_config', poolRef, 'k', 'w'))).toEqual([
      'MAP_DUPLICATE_KEY',
      'pool',
      'other_config',
      poolRef,
      'k',
    ])
    expect(await call('pool.remove_from_other_config', poolRef, 'absent')).toBe('')
    expect(await call('pool.remove_from_other_config', poolRef, 'k')).toBe('')
    expect(await call('pool.get_other_config', poolRef)).not.toHaveProperty('k')
    expect(await failure(call('pool.set_other_config', poolRef, { '': 'x' }))).toEqual([
      'INTERNAL_ERROR',
      'Db_exn.Empty_key_in_map',
    ])
    await call('pool.set_tags', poolRef, ['a', 'a'])
    await call('pool.remove_tags', poolRef, 'a')
    expect(await call('pool.get_tags', poolRef)).toEqual([])
  })

  test.each([
    ['pool.set_name_label', 5, "Expected string, got 'I(5)'"],
    ['pool.set_name_label', null, "Expected string, got 'N'"],
    ['pool.set_name_label', ['a'], "Expected string, got '[S(a)]'"],
    ['pool.set_wlb_enabled', 'true', "Expected bool, got 'S(true)'"],
    ['pool.set_other_config', [], "Expecting Rpc.Dict, but found '[]'"],
    ['pool.set_other_config', { a: 1 }, "Expected string, got 'I(1)'"],
    ['pool.set_tags', {}, "Expecting Rpc.Enum, but found '{}'"],
    ['network.set_MTU', 1500.5, "Expected int64, got 'F(1500.5)'"],
    ['network.set_MTU', 'x', 'Int64.of_string'],
    ['task.set_status', 'bogus', 'Unknown tag/contents'],
  ])('%s(%j)', async (method, value, text) => {
    expect(await failure(call(method, poolRef, value))).toEqual(mistake(text))
  })

  test('an int may be sent as text; a control character ends a string', async () => {
    const network = ((await call('network.get_all')) as string[])[0]
    await call('network.set_MTU', network, '9000')
    expect(await call('network.get_MTU', network)).toBe(9000)
    await call('network.set_name_description', network, 'a\u0001b')
    expect(await call('network.get_name_description', network)).toBe('a')
  })

  test('get_all_records_where filters by the names of the database', async () => {
    const where = async (expr: string): Promise<number> =>
      Object.keys((await call('host.get_all_records_where', expr)) as object).length
    expect(await where('field "name__label" = "h1" and not field "hostname" = "h2"')).toBe(1)
    expect(await where('field "name__label" = "h2" or (false)')).toBe(0)
    expect(await failure(where('field "name_label" = "h1"'))).toEqual(['INTERNAL_ERROR', 'missing field', 'name_label', ''])
    expect(await failure(where('what now'))).toEqual(['INVALID_VALUE', 'what now', 'Failure("lexing: empty token")'])
  })

  test('an Async call is a task with its result as XML, or its error', async () => {
    const good = await call('Async.host.has_extension', ((await call('host.get_all')) as string[])[0], 'x')
    await until('the task has ended', async () => (await call('task.get_status', good)) !== 'pending')
    expect(await call('task.get_record', good)).toMatchObject({
      ...{ name_label: 'Async.host.has_extension', status: 'success', progress: 1, error_info: [] },
      result: '<value><boolean>0</boolean></value>',
    })
    const bad = await call('Async.host.call_plugin', 'OpaqueRef:NULL', 'a', 'b', {})
    await until('the task has ended', async () => (await call('task.get_status', bad)) !== 'pending')
    expect(await call('task.get_record', bad)).toMatchObject({
      status: 'failure',
      result: '',
      error_info: ['HOST_OFFLINE', 'OpaqueRef:NULL'],
    })
    expect(await call('task.destroy', bad)).toBe('')
    expect(await failure(call('task.get_record', bad))).toEqual(['HANDLE_INVALID', 'task', bad])
  })

  test('a pending task cannot be destroyed, only marked', async () => {
    const task = await call('task.create', 'mine', '')
    expect(await call('task.destroy', task)).toBe('')
    expect(await call('task.get_current_operations', task)).toEqual({ task: 'destroy' })
    await call('task.set_status', task, 'success')
    await call('task.destroy', task)
    expect(await failure(call('task.get_uuid', task))).toEqual(['HANDLE_INVALID', 'task', task])
  })

  test('secrets', async () => {
    const secret = await call('secret.create', { value: 'pw' })
    expect(await call('secret.get_value', secret)).toBe('pw')
    expect(await failure(call('secret.create', {}))).toEqual([
      'INTERNAL_ERROR',
      'Server_helpers.Dispatcher_FieldNotFound("value")',
    ])
    await call('secret.destroy', secret)
  })
})
