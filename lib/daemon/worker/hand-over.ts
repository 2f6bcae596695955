import type { ClaimKept } from '../../wire/worker-api'
import type { Disk } from './disk/disk'

interface Primary {
  readonly guestActive: boolean
  /** Whom it is to be given to is the other host of the pair. */
  readonly isPeer: boolean
  readonly peerConnected: boolean
  readonly inLockstep: boolean
  readonly disks: readonly Disk[]
}

/** Why the claim stays; null: it can be handed over. */
export function whyKept({ guestActive, isPeer, peerConnected, inLockstep, disks }: Primary): ClaimKept['why'] | null {
  if (guestActive) return 'guest-active'
  if (!isPeer) return 'not-the-peer'
  if (!peerConnected) return 'peer-not-connected'
  if (inLockstep) return 'change-under-way'
  return disks.some(({ redundant, comparing }) => !redundant || comparing !== null) ? 'not-redundant' : null
}
