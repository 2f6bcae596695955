/** Upkeep of allowed_operations, for a machine and the devices that follow its state. */
import { type Database, NULL_REF, type Ref } from '../../contract'
import { flag, record, text, textMap, texts } from '../../values'
import { powerState } from './power-state'

const words = (line: string): string[] => line.split(' ')

const HALTED = words(
  'create_vtpm destroy metadata_export export make_into_template changing_NVRAM changing_shadow_memory changing_static_range ' +
    'changing_dynamic_range migrate_send start_on start copy clone snapshot',
)
const RUNNING = words(
  'sysprep metadata_export changing_VCPUs_live changing_dynamic_range migrate_send pool_migrate suspend hard_reboot ' +
    'hard_shutdown clean_reboot clean_shutdown pause checkpoint snapshot',
)
const PAUSED = words('metadata_export hard_reboot hard_shutdown unpause checkpoint snapshot')
const SUSPENDED = words('destroy metadata_export export migrate_send resume_on resume hard_shutdown checkpoint snapshot')
const FORCED = ['hard_reboot', 'hard_shutdown']

const BY_STATE: Readonly<Record<string, readonly string[]>> = {
  Halted: HALTED,
  Running: RUNNING,
  Paused: PAUSED,
  Suspended: SUSPENDED,
}

/** While something is under way a live machine can still be forced down, unless that is what is under way. */
function vmOperations(db: Database, vm: Ref): string[] {
  const state = powerState(db, vm)
  const underWay = Object.values(textMap(db.get('VM', vm, 'current_operations')))
  if (underWay.length > 0) return state === 'Halted' || underWay.some((one) => FORCED.includes(one)) ? [] : FORCED
  const blocked = record(db.get('VM', vm, 'blocked_operations'))
  return (BY_STATE[state] ?? []).filter((operation) => !(operation in blocked))
}

function vbdOperations(db: Database, vbd: Ref, live: boolean): string[] {
  const cd = text(db.get('VBD', vbd, 'type')) === 'CD'
  const attached = flag(db.get('VBD', vbd, 'currently_attached'))
  if (!live) return cd ? ['attach', 'insert'] : ['attach']
  if (cd) return ['attach', 'unpause', 'insert', 'pause']
  return attached ? ['attach', 'unpause', 'unplug', 'unplug_force', 'pause'] : ['attach', 'plug']
}

export function updateVdi(db: Database, vdi: Ref): void {
  if (vdi === NULL_REF || !db.exists('VDI', vdi)) return
  const attached = texts(db.get('VDI', vdi, 'VBDs')).some((vbd) => flag(db.get('VBD', vbd, 'currently_attached')))
  const busy = Object.keys(record(db.get('VDI', vdi, 'current_operations'))).length > 0
  const idle = words('copy generate_config clone resize_online forget update resize snapshot destroy')
  db.set('VDI', vdi, 'allowed_operations', busy ? [] : attached ? ['clone', 'resize_online', 'snapshot'] : idle)
}

export function updateVbd(db: Database, vbd: Ref): void {
  const live = ['Running', 'Paused'].includes(powerState(db, text(db.get('VBD', vbd, 'VM'))))
  db.set('VBD', vbd, 'allowed_operations', vbdOperations(db, vbd, live))
  updateVdi(db, text(db.get('VBD', vbd, 'VDI')))
}

export function updateVif(db: Database, vif: Ref): void {
  const live = ['Running', 'Paused'].includes(powerState(db, text(db.get('VIF', vif, 'VM'))))
  const attached = flag(db.get('VIF', vif, 'currently_attached'))
  db.set('VIF', vif, 'allowed_operations', live ? ['attach', attached ? 'unplug' : 'plug'] : ['attach'])
}

export function updateVm(db: Database, vm: Ref): void {
  if (flag(db.get('VM', vm, 'is_control_domain'))) return
  db.set('VM', vm, 'allowed_operations', vmOperations(db, vm))
}

/** The machine and all its devices. */
export function updateAll(db: Database, vm: Ref): void {
  updateVm(db, vm)
  for (const vbd of texts(db.get('VM', vm, 'VBDs'))) updateVbd(db, vbd)
  for (const vif of texts(db.get('VM', vm, 'VIFs'))) updateVif(db, vif)
}
