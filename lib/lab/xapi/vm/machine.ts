/** The parts of a machine that a start needs, read from the database, and the fields that follow its coming and going. */
import { ApiError, type Database, NULL_REF, type Ref } from '../../contract'
import { type Members, NEVER, dateText, flag, int, text, texts } from '../../values'
import { takeAway } from './under-way'

export const uuidOf = (db: Database, cls: string, ref: Ref): string => text(db.get(cls, ref, 'uuid'))

export function assertExists(db: Database, cls: string, ref: Ref): void {
  if (!db.exists(cls, ref)) throw new ApiError('HANDLE_INVALID', cls, ref)
}

export const vbdsOf = (db: Database, vm: Ref): string[] => texts(db.get('VM', vm, 'VBDs'))
export const vifsOf = (db: Database, vm: Ref): string[] => texts(db.get('VM', vm, 'VIFs'))

/** How a host is told of the disk behind a VBD. */
export function diskArguments(db: Database, vbd: Ref): Members {
  const vdi = text(db.get('VBD', vbd, 'VDI'))
  return {
    userdevice: text(db.get('VBD', vbd, 'userdevice')),
    readOnly: text(db.get('VBD', vbd, 'mode')) === 'RO',
    sr: uuidOf(db, 'SR', text(db.get('VDI', vdi, 'SR'))),
    key: text(db.get('VDI', vdi, 'location')),
  }
}

export function nicArguments(db: Database, vif: Ref): Members {
  const network = text(db.get('VIF', vif, 'network'))
  return {
    device: text(db.get('VIF', vif, 'device')),
    mac: text(db.get('VIF', vif, 'MAC')),
    bridge: text(db.get('network', network, 'bridge')),
  }
}

/** VBDs with a disk in them, in the order in which the guest sees them. */
export const filledVbds = (db: Database, vm: Ref): string[] =>
  vbdsOf(db, vm)
    .filter((vbd) => !flag(db.get('VBD', vbd, 'empty')) && text(db.get('VBD', vbd, 'VDI')) !== NULL_REF)
    .sort((a, b) => Number(db.get('VBD', a, 'userdevice')) - Number(db.get('VBD', b, 'userdevice')))

export function domainArguments(db: Database, vm: Ref): Members {
  return {
    vmUuid: uuidOf(db, 'VM', vm),
    name: text(db.get('VM', vm, 'name_label')),
    memoryBytes: int(db.get('VM', vm, 'memory_static_max')),
    vcpus: int(db.get('VM', vm, 'VCPUs_max')),
    kernel: text(db.get('VM', vm, 'PV_kernel')),
    ramdisk: text(db.get('VM', vm, 'PV_ramdisk')),
    args: text(db.get('VM', vm, 'PV_args')),
    disks: filledVbds(db, vm).map((vbd) => diskArguments(db, vbd)),
    nics: vifsOf(db, vm).map((vif) => nicArguments(db, vif)),
  }
}

/** A disk is written by one machine at a time, unless it was made to be shared. */
export function assertDiskFree(db: Database, vbd: Ref): void {
  const vdi = text(db.get('VBD', vbd, 'VDI'))
  if (flag(db.get('VDI', vdi, 'sharable'))) return
  const writes = (one: string): boolean => text(db.get('VBD', one, 'mode')) === 'RW'
  const others = texts(db.get('VDI', vdi, 'VBDs')).filter(
    (other) => other !== vbd && flag(db.get('VBD', other, 'currently_attached')),
  )
  const clash = others.some((other) => writes(other) || writes(vbd))
  if (clash || Object.keys(db.get('VDI', vdi, 'current_operations')).length > 0) throw new ApiError('VDI_IN_USE', vdi, 'attach')
}

export function setAttached(db: Database, vm: Ref, attached: boolean): void {
  for (const vbd of vbdsOf(db, vm)) db.set('VBD', vbd, 'currently_attached', attached)
  for (const vif of vifsOf(db, vm)) db.set('VIF', vif, 'currently_attached', attached)
}

/** The order of these changes is what a listener of the real one sees. */
export function setResident(db: Database, vm: Ref, host: Ref): void {
  setAttached(db, vm, true)
  db.set('VM', vm, 'resident_on', host)
  db.set('VM', vm, 'scheduled_to_be_resident_on', NULL_REF)
}

export function setLive(db: Database, vm: Ref, domid: number, state: 'Running' | 'Paused'): void {
  db.set('VM', vm, 'domid', domid)
  db.set('VM', vm, 'power_state', state)
  if (text(db.get('VM', vm, 'guest_metrics')) === NULL_REF)
    db.set('VM', vm, 'guest_metrics', db.create('VM_guest_metrics', { last_updated: dateText(new Date()) }))
}

export function setHalted(db: Database, vm: Ref): void {
  setAttached(db, vm, false)
  db.set('VM', vm, 'power_state', 'Halted')
  db.set('VM', vm, 'resident_on', NULL_REF)
  db.set('VM', vm, 'scheduled_to_be_resident_on', NULL_REF)
  db.set('VM', vm, 'domid', -1)
}

/** What power_state_reset does to the record: halted, and whatever was under way forgotten. */
export function resetPowerState(db: Database, vm: Ref): void {
  setHalted(db, vm)
  takeAway(db, vm)
}

export function noteStart(db: Database, vm: Ref): void {
  const metrics = text(db.get('VM', vm, 'metrics'))
  if (!db.exists('VM_metrics', metrics)) return
  db.set('VM_metrics', metrics, 'start_time', dateText(new Date()))
  db.set('VM_metrics', metrics, 'VCPUs_number', int(db.get('VM', vm, 'VCPUs_at_startup')))
}

/** Milliseconds since the last start; a machine never started has run for ever. */
export function ranForMs(db: Database, vm: Ref): number {
  const metrics = text(db.get('VM', vm, 'metrics'))
  const start = db.exists('VM_metrics', metrics) ? text(db.get('VM_metrics', metrics, 'start_time')) : NEVER
  const iso = start.replace(/^(\d{4})(\d\d)(\d\d)T/, '$1-$2-$3T')
  return Date.now() - Date.parse(iso)
}
