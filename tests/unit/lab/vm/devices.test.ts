import { NULL_REF, type Ref } from '../../../../lib/lab/contract'
import { text } from '../../../../lib/lab/values'
import { TestPool } from '../pool/pool'

describe('disks and cards of machines', () => {
  let pool: TestPool
  let vm: Ref
  let sr: Ref
  beforeEach(async () => {
    pool = await TestPool.of(2)
    vm = await pool.vm('web')
    sr = await pool.sr(pool.host(1), 'file', { location: '/srv/disks' })
  })
  afterEach(() => pool.close())

  test('a machine starts only where its disks are, and has them in order', async () => {
    const [second, first] = [await pool.vdi(sr, 2048), await pool.vdi(sr, 1024)]
    await pool.vbd(vm, second, '10')
    await pool.vbd(vm, first, '2')
    await pool.vif(vm)
    expect(await pool.call('VM.get_possible_hosts', vm)).toEqual([pool.host(1).ref])
    expect(await pool.refusal('VM.assert_can_boot_here', vm, pool.first.ref)).toEqual(['VM_REQUIRES_SR', vm, sr])
    expect(await pool.refusal('VM.assert_agile', vm)).toEqual(['HA_CONSTRAINT_VIOLATION_SR_NOT_SHARED', sr])
    await pool.call('VM.start', vm, false, false)
    const [domain] = [...pool.host(1).domains.running.values()]
    const place = `${pool.host(1).root}/srv/disks`
    expect(domain?.spec.disks).toEqual(
      [first, second].map((vdi, index) => ({
        userdevice: ['2', '10'][index],
        readOnly: false,
        source: { kind: 'file', path: `${place}/${pool.text('VDI', vdi, 'location')}.raw` },
      })),
    )
    expect(domain?.spec.nics).toMatchObject([{ device: '0', bridge: 'xenbr3' }])
    expect(domain?.spec.nics[0]?.mac).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
  })

  test('a disk in use is neither destroyed nor given to a second machine', async () => {
    const vdi = await pool.vdi(sr, 1024)
    const vbd = await pool.vbd(vm, vdi)
    await pool.call('VM.start', vm, false, false)
    expect(pool.db.get('VBD', vbd, 'currently_attached')).toBe(true)
    expect(pool.db.get('VDI', vdi, 'allowed_operations')).not.toContain('destroy')
    const uuid = (cls: string, ref: Ref): string => pool.text(cls, ref, 'uuid')
    const still = `VBD '${uuid('VBD', vbd)}' still attached to '${uuid('VM', vm)}'`
    expect(await pool.refusal('VBD.destroy', vbd)).toEqual(['OPERATION_NOT_ALLOWED', still])
    expect(await pool.refusal('VDI.destroy', vdi)).toEqual(['VDI_IN_USE', vdi, 'destroy'])
    const other = await pool.vm('thief')
    await pool.vbd(other, vdi)
    expect(await pool.refusal('VM.start', other, false, false)).toEqual(['VDI_IN_USE', vdi, 'attach'])
    expect(pool.db.get('VM', other, 'current_operations')).toEqual({})
  })

  test('disks and cards come and go under a running machine', async () => {
    await pool.vbd(vm, await pool.vdi(sr, 1024))
    const vif = await pool.vif(vm)
    await pool.call('VM.start', vm, false, false)
    const late = await pool.vbd(vm, await pool.vdi(sr, 1024), 'autodetect')
    expect(pool.db.get('VBD', late, 'device')).toBe('xvdb')
    await pool.call('VBD.plug', late)
    expect(await pool.refusal('VBD.plug', late)).toEqual(['DEVICE_ALREADY_ATTACHED', late])
    await pool.call('VBD.unplug', late)
    expect(await pool.refusal('VBD.unplug', late)).toEqual(['DEVICE_ALREADY_DETACHED', late])
    const elsewhere = pool.db.create('network', { bridge: 'xenbr7' })
    await pool.call('VIF.move', vif, elsewhere)
    expect(pool.host(1).domains.log.slice(-4)).toEqual(['plug disk 1 file', 'unplug disk 1', 'unplug nic 0', 'plug nic 0 xenbr7'])
  })

  test('a disk is plugged into the control domain of its host', async () => {
    const dom0 = pool.db.refs('VM').find((one) => pool.db.get('VM', one, 'resident_on') === pool.host(1).ref) ?? NULL_REF
    const vdi = await pool.vdi(sr, 1024)
    const vbd = await pool.vbd(dom0, vdi)
    await pool.call('VBD.plug', vbd)
    expect(pool.text('VBD', vbd, 'device')).toMatch(/^\/.*\/srv\/disks\/.*\.raw$/)
    await pool.call('VBD.unplug', vbd)
    await pool.call('VBD.destroy', vbd)
    await pool.call('VDI.destroy', vdi)
  })

  test('devices are refused as the real one does', async () => {
    const vdi = await pool.vdi(sr, 1024)
    await pool.vbd(vm, vdi)
    await expect(pool.vbd(vm, vdi)).rejects.toMatchObject({ code: 'DEVICE_ALREADY_EXISTS', params: ['0'] })
    await expect(pool.vbd(vm, vdi, 'junk')).rejects.toMatchObject({ code: 'INVALID_DEVICE', params: ['junk'] })
    await pool.vif(vm)
    await expect(pool.vif(vm)).rejects.toMatchObject({ code: 'MAC_INVALID', params: [''] })
    expect(await pool.refusal('VM.create', { name_label: 'x' })).toEqual([
      'INTERNAL_ERROR',
      'Server_helpers.Dispatcher_FieldNotFound("user_version")',
    ])
  })

  test('a clone has disks of its own', async () => {
    const vdi = await pool.vdi(sr, 4096)
    await pool.vbd(vm, vdi)
    await pool.vif(vm)
    const copy = text(await pool.call('VM.clone', vm, 'copy'))
    const [vbd] = pool.db.get('VM', copy, 'VBDs') as string[]
    const own = pool.text('VBD', vbd ?? '', 'VDI')
    expect(own).not.toBe(vdi)
    expect(pool.db.get('VDI', own, 'virtual_size')).toBe(4096)
    expect(pool.db.record('VM', copy)).toMatchObject({ name_label: 'copy', PV_kernel: '/k', power_state: 'Halted' })
    await Promise.all([pool.call('VM.start', vm, false, false), pool.call('VM.start', copy, false, false)])
    expect(await pool.refusal('VM.clone', vm, 'no')).toEqual(['VM_BAD_POWER_STATE', vm, 'halted', 'running'])
    await pool.call('VM.hard_shutdown', copy)
    await pool.call('VM.destroy', copy)
    expect(pool.db.exists('VBD', vbd ?? '')).toBe(false)
    expect(pool.db.exists('VDI', own)).toBe(true)
  })
})
