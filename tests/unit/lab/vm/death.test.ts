import { NULL_REF, type Ref } from '../../../../lib/lab/contract'
import { TestPool } from '../pool/pool'

describe('declaring dead', () => {
  let pool: TestPool
  let vm: Ref
  beforeEach(async () => {
    pool = await TestPool.of(2)
    vm = await pool.vm('web')
    await pool.call('VM.start_on', vm, pool.host(1).ref, false, false)
  })
  afterEach(() => pool.close())

  test('neither a machine of a living host nor the host itself is reset', async () => {
    expect(await pool.refusal('VM.power_state_reset', vm)).toEqual(['HOST_IS_LIVE', pool.host(1).ref])
    expect(await pool.refusal('host.declare_dead', pool.host(1).ref)).toEqual(['HOST_IS_LIVE', pool.host(1).ref])
    expect(await pool.refusal('host.declare_dead', pool.first.ref)).toEqual(['HOST_IS_LIVE', pool.first.ref])
    const [dom0] = pool.db.refs('VM').filter((one) => pool.db.get('VM', one, 'is_control_domain') === true)
    expect(await pool.refusal('VM.power_state_reset', String(dom0))).toEqual(['CANNOT_RESET_CONTROL_DOMAIN', dom0])
  })

  test('on the coordinator itself the domain must be gone', async () => {
    await pool.call('VM.hard_shutdown', vm)
    await pool.call('VM.start_on', vm, pool.first.ref, false, false)
    expect(await pool.refusal('VM.power_state_reset', vm)).toEqual(['DOMAIN_EXISTS', vm, '1'])
    pool.first.domains.running.clear()
    await pool.call('VM.power_state_reset', vm)
    expect(pool.db.get('VM', vm, 'power_state')).toBe('Halted')
  })

  test('a machine of a dead host starts elsewhere after a reset; live stays true', async () => {
    pool.host(1).dead = true
    expect((await pool.refusal('VM.start', vm, false, false))[0]).toBe('VM_BAD_POWER_STATE')
    await pool.call('VM.power_state_reset', vm)
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Halted', resident_on: NULL_REF, domid: -1 })
    await pool.call('VM.start_on', vm, pool.first.ref, false, false)
    expect(pool.db.get('VM', vm, 'resident_on')).toBe(pool.first.ref)
    expect(pool.db.get('host_metrics', pool.text('host', pool.host(1).ref, 'metrics'), 'live')).toBe(true)
  })

  test('declare_dead runs its hooks on the coordinator and resets every machine of the host', async () => {
    const other = await pool.vm('db')
    await pool.call('VM.start_on', other, pool.host(1).ref, true, false)
    pool.logHooks(['host-pre-declare-dead', 'host-post-declare-dead'])
    pool.host(1).dead = true
    await pool.call('host.declare_dead', pool.host(1).ref)
    await pool.call('host.declare_dead', pool.host(1).ref)
    const lines = ['pre', 'post'].map((when) => `host1 host-${when}-declare-dead -hostuuid host2 -reason user`)
    expect(pool.hooksRun()).toEqual([...lines, ...lines])
    expect([vm, other].map((one) => pool.db.get('VM', one, 'power_state'))).toEqual(['Halted', 'Halted'])
    expect(pool.db.get('host', pool.host(1).ref, 'enabled')).toBe(false)
    expect(await pool.refusal('VM.start_on', vm, pool.host(1).ref, false, false)).toEqual(['HOST_DISABLED', pool.host(1).ref])
  })

  test('an aborting hook stops declare_dead before anything is reset', async () => {
    pool.logHooks(['host-pre-declare-dead'], { 'host-pre-declare-dead': 2 })
    pool.host(1).dead = true
    expect((await pool.refusal('host.declare_dead', pool.host(1).ref))[0]).toBe('XAPI_HOOK_FAILED')
    expect(pool.db.get('VM', vm, 'power_state')).toBe('Running')
  })

  test('what hung on the dead host does not touch the machine that runs elsewhere by then', async () => {
    pool.host(1).dead = true
    const hanging = pool.refusal('VM.hard_shutdown', vm)
    await pool.call('VM.power_state_reset', vm)
    await pool.call('VM.start_on', vm, pool.first.ref, false, false)
    expect(await hanging).toEqual(['CANNOT_CONTACT_HOST', pool.host(1).ref])
    expect(pool.vmFields(vm)).toMatchObject({ power_state: 'Running', resident_on: pool.first.ref, current_operations: {} })
  })

  test('a host that comes back destroys the machine that runs elsewhere now', async () => {
    pool.host(1).dead = true
    await pool.call('VM.power_state_reset', vm)
    await pool.call('VM.start_on', vm, pool.first.ref, false, false)
    pool.host(1).dead = false
    expect(pool.host(1).domains.running.size).toBe(1)
    await pool.restartXapi(pool.host(1))
    expect(pool.host(1).domains.running.size).toBe(0)
    expect(pool.db.get('VM', vm, 'resident_on')).toBe(pool.first.ref)
  })
})
