import { viewOf } from '../../../lib/xapi/inventory-view'
import { applyBatch, miscounted, OddAnswer, readBatch, XapiRecord, type RecordTables } from '../../../lib/xapi/records'
import { fillSmallPool, UUID } from './small-pool'
import { SmallXapi } from './small-xapi'

type Fields = Record<string, unknown>

/** The small pool's records, with some fields of one replaced. */
function tables(cls = '', ref = '', fields: Fields = {}): RecordTables {
  const events: { cls: string; ref: string; record: XapiRecord }[] = []
  class Collector extends SmallXapi {
    override set(of: string, name: string, record: Fields): void {
      const full = of === cls && name === ref ? { ...record, ...fields } : record
      events.push({ cls: of, ref: name, record: new XapiRecord(of, name, full) })
    }
  }
  fillSmallPool(new Collector('unused'))
  return applyBatch(new Map(), events)
}

test('hosts, SRs and ordinary VMs, without references', () => {
  const view = viewOf(tables())
  expect(view).toMatchObject({ pool: UUID.pool, coordinator: UUID.h1, haEnabled: false })
  expect(view?.hosts).toEqual([
    {
      uuid: UUID.h1,
      name: 'h1',
      address: '10.0.0.1',
      enabled: true,
      live: true,
      memoryTotalBytes: 1 << 30,
      memoryControlBytes: 1 << 27,
    },
    {
      uuid: UUID.h2,
      name: 'h2',
      address: '10.0.0.2',
      enabled: true,
      live: true,
      memoryTotalBytes: 1 << 30,
      memoryControlBytes: 1 << 27,
    },
  ])
  expect(view?.srs).toMatchObject([{ uuid: UUID.sr, type: 'holdfast', pluggedOn: [UUID.h1, UUID.h2] }])
  expect(view?.vms).toMatchObject([
    {
      uuid: UUID.vm,
      residentOn: null,
      disks: [{ userdevice: '0', vdi: UUID.vdi, location: UUID.volume, attachedElsewhere: [] }],
      nics: [{ device: '0', networkName: 'production', networkOn: [UUID.h1] }],
    },
  ])
  expect(JSON.stringify(view)).not.toContain('OpaqueRef')
})

test('a disk of another VM is shown as such, a snapshot of it is not', () => {
  const other = new XapiRecord('vbd', 'vbd2', { VM: 'dom0-h2', VDI: 'vdi', type: 'Disk', userdevice: '9' })
  const snapshot = new XapiRecord('vbd', 'vbd3', { VM: 'template', VDI: 'vdi', type: 'Disk', userdevice: '9' })
  const shared = applyBatch(tables(), [
    { cls: 'vbd', ref: 'vbd2', record: other },
    { cls: 'vbd', ref: 'vbd3', record: snapshot },
  ])
  expect(viewOf(shared)?.vms[0]?.disks[0]?.attachedElsewhere).toEqual(['orders'])
})

test.each([
  ['affinity to nowhere', 'vm', 'vm', { affinity: 'OpaqueRef:gone' }, { affinity: null }],
  ['operations in progress', 'vm', 'vm', { current_operations: { 'OpaqueRef:task': 'start' } }, { operations: ['start'] }],
  ['no device of its host', 'vm', 'vm', {}, { passthrough: [] }],
  [
    'devices of its host',
    'vm',
    'vm',
    { attached_PCIs: ['OpaqueRef:1'], VGPUs: ['OpaqueRef:2'], VUSBs: ['OpaqueRef:3'] },
    { passthrough: ['a PCI device', 'a virtual GPU', 'a USB device'] },
  ],
  [
    'a device that it gets when it starts',
    'vm',
    'vm',
    { other_config: { pci: '0/0000:04:00.0' }, attached_PCIs: [] },
    { passthrough: ['a PCI device'] },
  ],
  ['ints as texts', 'vm', 'vm', { order: '7' }, { order: 7 }],
])('%s', (_, cls, ref, fields, seen) => expect(viewOf(tables(cls, ref, fields))?.vms[0]).toMatchObject(seen))

test('a location in another kind of SR is no volume key', () =>
  expect(viewOf(tables('sr', 'sr', { type: 'ext' }))?.vms[0]?.disks[0]).toMatchObject({ srType: 'ext', location: null }))

test('no pool record, or no coordinator among the hosts: no view yet', () => {
  expect(viewOf(new Map())).toBeNull()
  expect(viewOf(tables('pool', 'pool', { master: 'OpaqueRef:gone' }))).toBeNull()
})

test.each([
  ['vm', 'vm', { name_label: 5 }],
  ['vm', 'vm', { power_state: 'Sleeping' }],
  ['vm', 'vm', { order: 'first' }],
  ['vm', 'vm', { tags: 'gold' }],
  ['vm', 'vm', { other_config: { a: 1 } }],
  ['host', 'h1', { enabled: 'yes' }],
])('an odd record is named: %s %s %j', (cls, ref, fields) => expect(() => viewOf(tables(cls, ref, fields))).toThrow(OddAnswer))

test.each([[null], [[]], [{ events: [], token: 1, valid_ref_counts: {} }], [{ events: [{}], token: '', valid_ref_counts: {} }]])(
  'an odd answer of event.from: %j',
  (answer) => expect(() => readBatch(answer)).toThrow(OddAnswer),
)

test('counts tell which classes lost an event; classes that xapi does not count are not judged', () => {
  expect(miscounted(tables(), { vm: 4, host: 3 }, ['vm', 'host', 'sr'])).toEqual(['host'])
})
