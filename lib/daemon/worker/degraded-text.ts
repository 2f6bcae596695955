import type { Disk } from './disk/disk'
import type { Holding } from './holding'
import { ONLY_REPLICA_FAILED, refusedText } from './note-text'
import type { PeerTalk } from './peer/peer-talk'
import type { Serving } from './serving'

export interface PrimarySides {
  readonly disks: readonly Disk[]
  readonly holding: Pick<Holding, 'stored' | 'handing' | 'changing'>
  readonly serving: Pick<Serving, 'risk' | 'guestsMayRun'>
  readonly talk: Pick<PeerTalk, 'connected' | 'absence'>
}

/** Why a primary's mirror is not redundant; empty when it is. */
export function degradedText({ disks, holding, serving, talk }: PrimarySides, nowMs: number): string {
  if (holding.stored === null) return disks.every(({ replicas }) => replicas.local.state === 'member') ? '' : ONLY_REPLICA_FAILED
  if (holding.handing !== null) return 'the claim is being handed over'
  if (serving.risk !== '') return serving.risk
  if (!serving.guestsMayRun) return 'neither the peer nor the witness confirms the lease: the guest waits'
  if (!talk.connected) return talk.absence
  const first = disks.find((disk) => !disk.redundant)
  if (first === undefined) return holding.changing ? 'the witness has not told yet whose replicas the claim lists' : ''
  const refused = first.replicas.peer.refused ?? first.replicas.local.refused
  if (refused !== null) return refusedText(refused.rule)
  if (first.resync(nowMs) !== null) return 'a resync is under way'
  return first.replicas.local.state === 'member' ? 'the peer replica is not usable' : 'the local replica failed'
}
