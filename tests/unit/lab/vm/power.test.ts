import { NULL_REF, type Ref } from '../../../../lib/lab/contract'
import { text } from '../../../../lib/lab/values'
import { TestPool } from '../pool/pool'

const VM_HOOKS = ['vm-pre-start', 'vm-pre-shutdown', 'vm-post-destroy', 'vm-pre-reboot']

/** What each operation answers in each state it does not accept: the states it wants, as XAPI lists them. */
const WRONG_STATE = [
  ['VM.pause', 'running', ['Halted', 'Paused']],
  ['VM.unpause', 'paused', ['Halted', 'Running']],
  ['VM.clean_shutdown', 'running', ['Halted', 'Paused']],
  ['VM.clean_reboot', 'running', ['Halted', 'Paused']],
  ['VM.hard_reboot', 'paused, running', ['Halted']],
  ['VM.hard_shutdown', 'paused, suspended, running', ['Halted']],
  ['VM.shutdown', 'paused, suspended, running', ['Halted']],
  ['VM.start', 'halted', ['Running', 'Paused']],
  ['VM.destroy', 'halted, suspended', ['Running', 'Paused']],
] as const

describe('the power of a machine', () => {
  let pool: TestPool
  let vm: Ref
  beforeEach(async () => {
    pool = await TestPool.of(3)
    vm = await pool.vm('web')
  })
  afterEach(() => pool.close())

  async function bringTo(state: string): Promise<void> {
    if (state !== 'Halted') await pool.call('VM.start', vm, state === 'Paused', false)
    expect(pool.db.get('VM', vm, 'power_state')).toBe(state)
  }

  test.each(WRONG_STATE.flatMap(([method, wanted, states]) => states.map((state) => [method, state, wanted] as const)))(
    '%s of a %s machine is refused',
    async (method, state, wanted) => {
      await bringTo(state)
      const rest = method === 'VM.start' ? [false, false] : []
      expect(await pool.refusal(method, vm, ...rest)).toEqual(['VM_BAD_POWER_STATE', vm, wanted, state.toLowerCase()])
    },
  )

  test('it runs where it was started, and is nowhere once shut down', async () => {
    const { ref, domains } = pool.host(1)
    await pool.call('VM.start_on', vm, ref, false, false)
    expect(pool.vmFields(vm)).toEqual({
      power_state: 'Running',
      resident_on: ref,
      scheduled_to_be_resident_on: NULL_REF,
      domid: 1,
      current_operations: {},
    })
    expect(domains.log).toEqual(['create web', 'unpause'])
    const [spec] = [...domains.running.values()].map((domain) => domain.spec)
    expect(spec).toMatchObject({ name: 'web', memoryBytes: 2 ** 30, vcpus: 1, kernel: '/k', ramdisk: '/r', args: 'quiet' })
    await pool.call('VM.clean_shutdown', vm)
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Halted', resident_on: NULL_REF, domid: -1, current_operations: {} })
    expect(domains.running.size).toBe(0)
  })

  test('a listener sees the operation, then the residence, then Running, then the end of the operation', async () => {
    const seen: string[] = []
    const stop = pool.db.onChange((cls, ref) => {
      if (cls !== 'VM' || ref !== vm) return
      const { power_state, resident_on, scheduled_to_be_resident_on, current_operations } = pool.vmFields(vm)
      const line = [
        text(power_state),
        resident_on === NULL_REF ? 'nowhere' : 'resident',
        scheduled_to_be_resident_on === NULL_REF ? 'unscheduled' : 'scheduled',
        Object.values(current_operations ?? {}).join(),
      ].join(' ')
      if (seen.at(-1) !== line) seen.push(line)
    })
    await pool.call('VM.start', vm, false, false)
    stop()
    expect(seen).toEqual([
      'Halted nowhere unscheduled start',
      'Halted nowhere scheduled start',
      'Halted resident scheduled start',
      'Halted resident unscheduled start',
      'Running resident unscheduled start',
      'Running resident unscheduled ',
    ])
  })

  test('the second of two starts waits and is refused by the state it finds', async () => {
    const [first, second] = await Promise.all([
      pool.call('VM.start', vm, false, false),
      pool.refusal('VM.start', vm, false, false),
    ])
    expect(first).toBe('')
    expect(second).toEqual(['VM_BAD_POWER_STATE', vm, 'halted', 'running'])
  })

  test('a forced shutdown during a start is refused at once', async () => {
    const start = pool.call('VM.start', vm, false, false)
    expect(await pool.refusal('VM.hard_shutdown', vm)).toEqual(['VM_BAD_POWER_STATE', vm, 'paused, suspended, running', 'halted'])
    await start
  })

  test('a forced shutdown overtakes a gentle one that the guest does not obey', async () => {
    await pool.call('VM.start_on', vm, pool.first.ref, false, false)
    pool.first.domains.deaf = true
    const gentle = pool.call('VM.clean_shutdown', vm)
    await pool.call('VM.hard_shutdown', vm)
    await gentle
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Halted', current_operations: {} })
  })

  test('a guest that never powers off fails the gentle shutdown; VM.shutdown then cuts its power', async () => {
    await pool.call('VM.start_on', vm, pool.first.ref, false, false)
    pool.first.domains.slow = true
    expect(await pool.refusal('VM.clean_shutdown', vm)).toEqual(['VM_SHUTDOWN_TIMEOUT', vm, '120'])
    expect(pool.db.get('VM', vm, 'power_state')).toBe('Running')
    await pool.call('VM.shutdown', vm)
    expect(pool.db.get('VM', vm, 'power_state')).toBe('Halted')
  })

  test('blocked operations are refused with their reason, except the two halves of VM.shutdown', async () => {
    await pool.call('VM.add_to_blocked_operations', vm, 'start', 'not now')
    expect(pool.db.get('VM', vm, 'allowed_operations')).not.toContain('start')
    expect(await pool.refusal('VM.start', vm, false, true)).toEqual(['OPERATION_BLOCKED', vm, 'not now'])
    await pool.call('VM.remove_from_blocked_operations', vm, 'start')
    await pool.call('VM.start', vm, false, false)
    await pool.call('VM.set_blocked_operations', vm, { clean_shutdown: 'c', hard_shutdown: 'h' })
    expect(await pool.refusal('VM.clean_shutdown', vm)).toEqual(['OPERATION_BLOCKED', vm, 'c'])
    expect(await pool.refusal('VM.hard_shutdown', vm)).toEqual(['OPERATION_BLOCKED', vm, 'h'])
    expect(await pool.call('VM.shutdown', vm)).toBe('')
    expect(pool.db.get('VM', vm, 'power_state')).toBe('Halted')
  })

  test('hooks run on the host of the machine, in the order of each operation', async () => {
    pool.logHooks(VM_HOOKS)
    const uuid = pool.text('VM', vm, 'uuid')
    const line = (hook: string, reason: string): string => `host3 ${hook} -vmuuid ${uuid} -reason ${reason}`
    await pool.call('VM.start_on', vm, pool.host(2).ref, false, false)
    await pool.call('VM.clean_reboot', vm)
    await pool.call('VM.pause', vm)
    await pool.call('VM.hard_shutdown', vm)
    expect(pool.hooksRun()).toEqual([
      line('vm-pre-start', 'none'),
      line('vm-pre-shutdown', 'clean-reboot'),
      line('vm-post-destroy', 'clean-reboot'),
      line('vm-pre-reboot', 'none'),
      line('vm-pre-start', 'none'),
      line('vm-pre-shutdown', 'hard-shutdown'),
      line('vm-post-destroy', 'hard-shutdown'),
    ])
  })

  test('an aborting vm-pre-start leaves nothing behind; exit 1 does not abort', async () => {
    pool.logHooks(['vm-pre-start'], { 'vm-pre-start': 2 })
    expect(await pool.refusal('VM.start', vm, false, false)).toEqual([
      'XAPI_HOOK_FAILED',
      'vm-pre-start/50test',
      'none',
      'said\n',
      '2',
    ])
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Halted', scheduled_to_be_resident_on: NULL_REF })
    pool.logHooks(['vm-pre-start'], { 'vm-pre-start': 1 })
    await pool.call('VM.start', vm, false, false)
  })

  test('a vm-post-destroy that aborts is reported, but the machine is halted', async () => {
    await pool.call('VM.start', vm, false, false)
    pool.logHooks(['vm-post-destroy'], { 'vm-post-destroy': 3 })
    expect((await pool.refusal('VM.clean_shutdown', vm))[0]).toBe('XAPI_HOOK_FAILED')
    expect(pool.db.get('VM', vm, 'power_state')).toBe('Halted')
  })

  test('it is started where the operator likes it, else where most memory is left', async () => {
    pool.db.set('VM', vm, 'affinity', pool.host(2).ref)
    await pool.call('VM.start', vm, false, false)
    expect(pool.db.get('VM', vm, 'resident_on')).toBe(pool.host(2).ref)
    const other = await pool.vm('db')
    pool.db.set('host', pool.host(0).ref, 'enabled', false)
    await pool.call('VM.start', other, false, false)
    expect(pool.db.get('VM', other, 'resident_on')).toBe(pool.host(1).ref)
  })

  test('hosts that cannot take it say why', async () => {
    const { ref } = pool.host(1)
    const refusal = (): Promise<readonly string[]> => pool.refusal('VM.start_on', vm, ref, false, false)
    expect(await pool.refusal('VM.start_on', vm, 'OpaqueRef:no', false, false)).toEqual([
      'HANDLE_INVALID',
      'host',
      'OpaqueRef:no',
    ])
    pool.db.set('VM', vm, 'memory_static_max', 9 * 2 ** 30)
    expect((await refusal())[0]).toBe('HOST_NOT_ENOUGH_FREE_MEMORY')
    pool.db.set('host', ref, 'enabled', false)
    expect(await refusal()).toEqual(['HOST_DISABLED', ref])
  })
})
