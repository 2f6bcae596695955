import type { Members, Side } from './events'
import { SIDES } from './events'
import type { Replica } from './replica'

/**
 * What the claim should list: whoever has every write, or will have had it by then. One that is out is wished away only while
 * another can serve; the last one is waited for. Null: nobody can be named, so nothing changes.
 */
export function wishedMembers(replicas: Readonly<Record<Side, Replica>>): Members | null {
  const someMember = SIDES.some((side) => replicas[side].state === 'member')
  const wished = (side: Side): boolean => {
    const { state } = replicas[side]
    return state === 'member' || state === 'joining' || (state === 'out' && !someMember)
  }
  const members = { local: wished('local'), peer: wished('peer') }
  return members.local || members.peer ? members : null
}
