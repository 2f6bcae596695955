import type { Generations } from '../../core/domain/volume'
import type { Side } from '../../core/mirror/events'

/** What a replica that served ends with when the operator gives its history up. */
export const GIVEN_UP = 'EGIVENUP'

/** One sentence for the operator on what the mirror did with a replica. */
export function noteText(act: string, rule: string, side: Side, error: string): string {
  const why = error === '' ? '' : ` (${error})`
  const which = side === 'local' ? 'local replica' : "peer's replica"
  switch (act) {
    case 'replica-failed':
      if (error === GIVEN_UP) return `The ${which} serves no longer: its history is not wanted.`
      return `The ${which} failed${why}; acknowledgements wait until the claim no longer lists it.`
    case 'replica-left-claim':
      return rule === 'without-quorum'
        ? `The witness does not answer; the ${which} is left behind without it, and the history of the other one parts from its own.`
        : `The claim no longer lists the ${which}; I/O goes on with the other one.`
    case 'replica-joined-claim':
      return `The ${which} has everything again: redundancy is back.`
    case 'resync-started':
      return `A resync of the ${which} began.`
    case 'resync-interrupted':
      return `The resync of the ${which} was interrupted${why}.`
    case 'replica-refused':
      return `The ${which} is left as it is: ${refusedText(rule)}`
    case 'verified':
      return verifiedText(rule, error)
    default:
      return `The ${which} serves.`
  }
}

/** Of a mirror of one. */
export const ONLY_REPLICA_FAILED = 'the only replica failed, and requests wait until it can be opened again'

export const onlyReplicaText = (error: string): string =>
  `The only replica failed (${error}); requests wait until it can be opened again.`

/** Why two replicas are not made the same. */
export function refusedText(rule: string): string {
  switch (rule) {
    case 'both-wrote-since':
    case 'common-ancestor':
    case 'crossed':
      return 'split brain: both replicas hold writes that the other one lacks'
    case 'claim-contradicts-history':
      return 'split brain: the claim lists this replica, and its history says that the other one is newer'
    case 'claim-lists-inconsistent':
      return 'the claim lists a replica that a resync was overwriting'
    case 'no-good-copy':
      return 'neither replica holds a whole copy'
    default:
      return 'the replicas have no history in common; remove the one that is not wanted'
  }
}

type Histories = Readonly<Record<Side, { readonly generations: Pick<Generations, 'current' | 'bitmap'> }>>

/** What an operator needs to tell which of two contradicting replicas is wanted. */
export function historiesText({ local, peer }: Histories): { localHistory: string; peerHistory: string } {
  const told = ({ generations: { current, bitmap } }: Histories[Side]): string =>
    `current ${current || 'none'}, bitmap from ${bitmap || 'none'}`
  return { localHistory: told(local), peerHistory: told(peer) }
}

function verifiedText(rule: string, differing: string): string {
  switch (rule) {
    case 'equal':
      return 'Both replicas hold the same.'
    case 'repaired':
      return `The replicas differed in ${differing} bytes; what the guest reads was copied to the other one.`
    case 'differing':
      return `The replicas differ in ${differing} bytes.`
    default:
      return `The comparison of the replicas stopped: ${rule}.`
  }
}
