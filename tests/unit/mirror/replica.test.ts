import { BLOCK_BYTES } from '../../../lib/core/mirror/dirty-bitmap'
import { Replica, type ReplicaState } from '../../../lib/core/mirror/replica'

const STATES: readonly ReplicaState[] = ['absent', 'resyncing', 'joining', 'member', 'out']
/** How to get there from `absent`. */
const WAY: Readonly<Record<ReplicaState, readonly ReplicaState[]>> = {
  absent: [],
  resyncing: ['resyncing'],
  joining: ['resyncing', 'joining'],
  member: ['member'],
  out: ['out'],
}
const LAWFUL = [
  'absent-resyncing',
  'absent-member',
  'absent-out',
  'resyncing-joining',
  'resyncing-absent',
  'joining-member',
  'joining-out',
  'joining-resyncing',
  'member-out',
  'member-resyncing',
  'out-absent',
  'out-member',
]

const replicaIn = (state: ReplicaState): Replica => {
  const replica = new Replica(3 * BLOCK_BYTES)
  for (const step of WAY[state]) replica.become(step)
  return replica
}

test.each(STATES.flatMap((from) => STATES.map((to) => [from, to] as const)))('from %s to %s', (from, to) => {
  const replica = replicaIn(from)
  const go = (): void => replica.become(to)
  if (LAWFUL.includes(`${from}-${to}`)) {
    go()
    expect(replica.state).toBe(to)
  } else {
    expect(go).toThrow(`invalid transition ${from} -> ${to}`)
    expect(replica.state).toBe(from)
  }
})

test('who gets writes, and who must have them before an answer', () => {
  const is = STATES.map((state) => ({ state, usable: replicaIn(state).usable, binding: replicaIn(state).binding }))
  expect(is.filter(({ usable }) => usable).map(({ state }) => state)).toEqual(['resyncing', 'joining', 'member'])
  expect(is.filter(({ binding }) => binding).map(({ state }) => state)).toEqual(['joining', 'member', 'out'])
})

test('a new one lacks everything', () => {
  expect(new Replica(3 * BLOCK_BYTES).dirty.count).toBe(3)
})

test('what was not flushed when its cache is gone is lacking; what a flush took with it is not', () => {
  const replica = replicaIn('member')
  replica.dirty.clearAll()
  replica.cached(0, 1)
  const flushing = replica.takeUnflushed()
  replica.cached(BLOCK_BYTES, BLOCK_BYTES + 1)
  expect([...flushing]).toEqual([0])
  replica.distrust()
  expect([0, 1, 2].map((block) => replica.dirty.has(block))).toEqual([false, true, true])
  // The flush failed after all.
  replica.distrust(flushing)
  expect(replica.dirty.count).toBe(3)
})
