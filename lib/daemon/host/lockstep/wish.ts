import type { VmUuid } from '../../../core/domain/ids'
import type { VolumeRecord } from '../../../core/domain/volume'
import { epochIntervals } from '../../../core/policy/lockstep-settings'
import type { LockstepSettings } from '../../../wire/lockstep'
import type { HostParts } from '../parts'

/**
 * What a worker of the VM is to be told. The catalogue decides whether it is to be in lockstep, as a lost key in XAPI lowers nothing; the
 * operator's keys decide how, as long as they can be read. `before`: as the worker was told last.
 */
export function wantedLockstep(
  { xapi }: Pick<HostParts, 'xapi'>,
  vm: VmUuid,
  records: readonly Pick<VolumeRecord, 'level'>[],
  before: LockstepSettings | null | undefined,
): LockstepSettings | null {
  if (!records.some(({ level }) => level === 'lockstep')) return null
  const known = xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)
  const set = known === undefined ? null : epochIntervals(known)
  return set === null || 'code' in set ? (before ?? {}) : set
}

export const isSameWish = (one: LockstepSettings | null, other: LockstepSettings | null): boolean =>
  (one === null) === (other === null) &&
  one?.intervalMinMs === other?.intervalMinMs &&
  one?.intervalMaxMs === other?.intervalMaxMs
