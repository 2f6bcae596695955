import type { Side } from '../../core/mirror/events'

/** One sentence for the operator on what the mirror did with a replica. */
export function noteText(act: string, side: Side, error: string): string {
  const why = error === '' ? '' : ` (${error})`
  const which = side === 'local' ? 'local replica' : "peer's replica"
  switch (act) {
    case 'replica-failed':
      return `The ${which} failed${why}; acknowledgements wait until the claim no longer lists it.`
    case 'replica-left-claim':
      return `The claim no longer lists the ${which}; I/O goes on with the other one.`
    case 'replica-joined-claim':
      return `The ${which} has everything again: redundancy is back.`
    case 'resync-started':
      return `A resync of the ${which} began.`
    case 'resync-interrupted':
      return `The resync of the ${which} was interrupted${why}.`
    default:
      return `The ${which} serves.`
  }
}
