import { type Members, otherSide, type Side } from './events'
import type { Replica } from './replica'

export const only = (side: Side): Members => ({ local: side === 'local', peer: side === 'peer' })

/**
 * Two histories met, and the operator does not want that of `side`. True when the claim has to be changed before anything is
 * overwritten: it lists the unwanted one, which has ceased to serve. Where there is nothing to choose, nothing is done.
 */
export function giveUp(side: Side, replicas: Readonly<Record<Side, Replica>>): boolean {
  const [unwanted, wanted] = [replicas[side], replicas[otherSide(side)]]
  if (unwanted.refused !== null && wanted.state === 'member') {
    unwanted.refused = null
    unwanted.givenUp = true
    return false
  }
  if (wanted.refused === null || wanted.presence === null || unwanted.state !== 'out') return false
  wanted.refused = null
  unwanted.givenUp = true
  return true
}
