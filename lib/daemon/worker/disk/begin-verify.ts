import { Refusal } from '../../../core/domain/errors'
import type { Disk } from './disk'

interface Primary {
  readonly vm: string
  readonly hasClaim: boolean
  readonly degraded: string
}

/** Compares both replicas of every disk; asked again while that is under way, it is the same request. Throws the refusal. */
export function beginVerify(disks: readonly Disk[], repair: boolean, { vm, hasClaim, degraded }: Primary): void {
  if (!hasClaim || disks.some((disk) => !disk.redundant))
    throw new Refusal('HOLDFAST_NOT_REDUNDANT', { vm, reason: degraded || 'it has no second replica' })
  const running = disks.flatMap(({ comparing }) => comparing ?? [])
  if (running.some((each) => each.repair !== repair))
    throw new Refusal('HOLDFAST_VERIFY_UNDER_WAY', { vm, does: repair ? 'leaves' : 'repairs' })
  if (running.length > 0) return
  for (const disk of disks) disk.verify(repair)
}
