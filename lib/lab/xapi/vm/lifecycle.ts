/** Making, copying and destroying machines (their records; a machine has no storage but its disks). */
import { ApiError, type CallContext, type MethodTable, NULL_REF, type Ref } from '../../contract'
import { type Members, NEVER, dateText, flag, text, textMap } from '../../values'
import { cloneDisk } from '../storage/vdi'
import { updateAll, updateVbd } from './allowed'
import { constructorRecord } from './constructor'
import { assertExists, vbdsOf, vifsOf } from './machine'
import { assertPowerState } from './power-state'
import { newMac } from './vif'
import { whileUnderWay } from './under-way'

function createMetrics(call: CallContext): Ref {
  const now = dateText(new Date())
  return call.db.create('VM_metrics', { install_time: now, start_time: NEVER, last_updated: NEVER })
}

function create(call: CallContext, fields: Members): Ref {
  const vm = call.db.create('VM', { ...fields, power_state: 'Halted', domid: -1, metrics: createMetrics(call) })
  updateAll(call.db, vm)
  return vm
}

/** The disks stay: they are not the machine's. */
function destroy({ db }: CallContext, vm: Ref): void {
  for (const vbd of vbdsOf(db, vm)) db.destroy('VBD', vbd)
  for (const vif of vifsOf(db, vm)) db.destroy('VIF', vif)
  for (const [cls, field] of [
    ['VM_metrics', 'metrics'],
    ['VM_guest_metrics', 'guest_metrics'],
  ] as const) {
    const ref = text(db.get('VM', vm, field))
    if (db.exists(cls, ref)) db.destroy(cls, ref)
  }
  db.destroy('VM', vm)
}

/** What a copy does not inherit: its identity and everything that tells of a run. */
const OF_ITS_OWN = new Set([
  ...['uuid', 'name_label', 'metrics', 'guest_metrics', 'allowed_operations', 'current_operations', 'VBDs', 'VIFs'],
  ...['resident_on', 'scheduled_to_be_resident_on', 'domid', 'power_state', 'snapshots', 'children', 'consoles'],
  ...['blobs', 'crash_dumps', 'attached_PCIs', 'VTPMs', 'VGPUs', 'VUSBs', 'last_booted_record', 'pending_guidances'],
])

const withoutOwn = (fields: Members, own: ReadonlySet<string>): Members =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !own.has(name)))

const DEVICE_OWN = new Set([
  'uuid',
  'VM',
  'VDI',
  'MAC',
  'currently_attached',
  'allowed_operations',
  'current_operations',
  'metrics',
])

async function clone(call: CallContext, vm: Ref, name: string): Promise<Ref> {
  const { db } = call
  const disks = new Map<Ref, Ref>()
  for (const vbd of vbdsOf(db, vm)) {
    const vdi = text(db.get('VBD', vbd, 'VDI'))
    const shared = vdi === NULL_REF || text(db.get('VBD', vbd, 'type')) === 'CD'
    disks.set(vbd, shared ? vdi : await cloneDisk(call, vdi))
  }
  const copy = create(call, { ...withoutOwn(db.record('VM', vm), OF_ITS_OWN), name_label: name, parent: vm })
  for (const [vbd, vdi] of disks)
    updateVbd(db, db.create('VBD', { ...withoutOwn(db.record('VBD', vbd), DEVICE_OWN), VM: copy, VDI: vdi }))
  for (const vif of vifsOf(db, vm))
    db.create('VIF', { ...withoutOwn(db.record('VIF', vif), DEVICE_OWN), VM: copy, MAC: newMac() })
  updateAll(db, copy)
  return copy
}

export const lifecycleMethods: MethodTable = {
  'VM.create': {
    params: [['args', 'VM record']],
    run: (call, [args]) => Promise.resolve(create(call, constructorRecord('VM', args))),
  },
  'VM.destroy': {
    params: [['self', 'VM ref']],
    run: (call, [self]) => {
      const vm = text(self)
      assertExists(call.db, 'VM', vm)
      assertPowerState(call.db, vm, ['Halted', 'Suspended'])
      if (flag(call.db.get('VM', vm, 'is_control_domain'))) throw new ApiError('OPERATION_NOT_ALLOWED', 'control domain')
      const reason = textMap(call.db.get('VM', vm, 'blocked_operations'))['destroy']
      if (reason !== undefined) throw new ApiError('OPERATION_BLOCKED', vm, reason)
      destroy(call, vm)
      return Promise.resolve('')
    },
  },
  'VM.clone': {
    params: [
      ['vm', 'VM ref'],
      ['new_name', 'string'],
    ],
    run: async (call, [vm, name]) => {
      assertExists(call.db, 'VM', text(vm))
      return whileUnderWay(call, text(vm), 'clone', () => clone(call, text(vm), text(name)))
    },
  },
}
