/** Which power states each operation accepts, and the refusals of XAPI when the state or the operator's blocks forbid it. */
import { ApiError, type CallContext, type Database, type Ref } from '../../contract'
import { text, textMap } from '../../values'

export type PowerState = 'Halted' | 'Paused' | 'Running' | 'Suspended'

/** In the order in which XAPI lists them in VM_BAD_POWER_STATE. */
export const ACCEPTED = {
  start: ['Halted'],
  start_on: ['Halted'],
  pause: ['Running'],
  unpause: ['Paused'],
  clean_shutdown: ['Running'],
  clean_reboot: ['Running'],
  hard_reboot: ['Paused', 'Running'],
  hard_shutdown: ['Paused', 'Suspended', 'Running'],
  shutdown: ['Paused', 'Suspended', 'Running'],
  destroy: ['Halted', 'Suspended'],
  clone: ['Halted'],
  changing_VCPUs: ['Halted'],
  changing_static_range: ['Halted'],
  make_into_template: ['Halted'],
} as const satisfies Record<string, readonly PowerState[]>

export type VmOperation = keyof typeof ACCEPTED

export const powerState = (db: Database, vm: Ref): string => text(db.get('VM', vm, 'power_state'))

export function assertPowerState(db: Database, vm: Ref, accepted: readonly string[]): void {
  const actual = powerState(db, vm)
  if (accepted.includes(actual)) return
  throw new ApiError('VM_BAD_POWER_STATE', vm, accepted.join(', ').toLowerCase(), actual.toLowerCase())
}

export function assertOperationValid({ db }: Pick<CallContext, 'db'>, vm: Ref, operation: VmOperation): void {
  assertPowerState(db, vm, ACCEPTED[operation])
  const reason = textMap(db.get('VM', vm, 'blocked_operations'))[operation]
  if (reason !== undefined) throw new ApiError('OPERATION_BLOCKED', vm, reason)
}
