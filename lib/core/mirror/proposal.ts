import { type Members, type MirrorEffect, type Side, SIDES } from './events'
import { isWished, type Replica } from './replica'

type Replicas = Readonly<Record<Side, Replica>>

export const wished = ({ local, peer }: Replicas, patient: boolean): Members => ({
  local: isWished(local, patient),
  peer: isWished(peer, patient),
})

/** Asks for a claim that lists these, and tells why. */
export function proposal(members: Members, listed: Members, replicas: Replicas): MirrorEffect {
  const leaving = SIDES.find((side) => listed[side] && !members[side])
  const rule = leaving === undefined ? 'resync-complete' : `${leaving}-replica-lost`
  return { do: 'propose', members, rule, error: leaving === undefined ? '' : replicas[leaving].lastError }
}
