import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { CopyRuns } from '../../../lib/core/mirror/copy-runs'
import type { CopyJob } from '../../../lib/core/mirror/copying'
import type { Side } from '../../../lib/core/mirror/events'
import { operation } from '../../../lib/core/mirror/operation'
import type { ReplicaState } from '../../../lib/core/mirror/replica'

const STATES: readonly ReplicaState[] = ['absent', 'resyncing', 'joining', 'member', 'out']
const RUN = { first: 0, last: 0 }

/** One copy of a block to the peer, and all that happens to it in words. */
function copyTo(target: Side, local: ReplicaState, peer: ReplicaState) {
  const told: string[] = []
  const job: CopyJob = {
    ...{ kind: 'copy', target, run: RUN, compare: false, copy: true, digests: { local: null, peer: null }, differ: [RUN] },
    ...{ found: [], phase: 'read', over: false, ended: (end) => told.push(end) },
  }
  const op = operation({ kind: 'read', offset: 0, length: BLOCK_BYTES }, null, job)
  const runs = new CopyRuns({
    replicas: { local: { state: local }, peer: { state: peer } },
    ask: (_, side, { kind }) => {
      op.issue[side] = 1
      told.push(`${kind} ${side}`)
    },
    changed: (offset, length) => told.push(`changed ${offset} ${length}`),
    leave: () => told.push('leaves'),
  })
  const answer = (side: Side, data?: Buffer): void => {
    op.issue[side] = 0
    runs.answered(op, job, side, data)
  }
  runs.start(op, job)
  return { told, answer, end: (end: Parameters<typeof runs.end>[2]) => runs.end(op, job, end) }
}

test.each(STATES.flatMap((local) => STATES.map((peer) => [local, peer] as const)))(
  'from a local replica that is %s to a peer that is %s: begun where the source counts and the target gets every change',
  (local, peer) => {
    const mayBegin = local === 'member' && (peer === 'resyncing' || peer === 'member')
    const { told } = copyTo('peer', local, peer)
    expect(told).toEqual(mayBegin ? [`changed 0 ${BLOCK_BYTES}`, 'read local'] : ['abandoned', 'leaves'])
    expect(copyTo('local', peer, local).told).toEqual(mayBegin ? [`changed 0 ${BLOCK_BYTES}`, 'read peer'] : told)
  },
)

test('what was read is written, and then it is over', () => {
  const { told, answer } = copyTo('peer', 'member', 'resyncing')
  answer('local', Buffer.alloc(BLOCK_BYTES, 1))
  answer('peer')
  expect(told.slice(1)).toEqual(['read local', 'write peer', 'copied', 'leaves'])
})

test('given up in the middle it is told at once, and keeps its range until the answer has come', () => {
  const { told, answer, end } = copyTo('peer', 'member', 'resyncing')
  answer('local', Buffer.alloc(BLOCK_BYTES, 1))
  end('abandoned')
  expect(told.slice(2)).toEqual(['write peer', 'abandoned'])
  answer('peer')
  expect(told.slice(2)).toEqual(['write peer', 'abandoned', 'leaves'])
})

test('given up twice it is told once', () => {
  const { told, answer, end } = copyTo('peer', 'member', 'resyncing')
  end('abandoned')
  end('source-unreadable')
  answer('local', Buffer.alloc(BLOCK_BYTES, 1))
  expect(told.slice(1)).toEqual(['read local', 'abandoned', 'leaves'])
})
