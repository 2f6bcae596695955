import { assert, must } from '../domain/assert'
import { BLOCK_BYTES } from '../domain/blocks'
import { type BlockRun, runsWhere } from '../domain/dirty-bitmap'
import { DIGEST_BYTES, type ReplicaRequest } from '../domain/replica-request'
import type { Side } from './events'
import { otherSide } from './events'
import type { Operation } from './operation'
import { isPending } from './operation'

/** One stretch on its way from the replica that counts to the other one, with its range to itself. */
export interface CopyJob {
  readonly kind: 'copy'
  readonly target: Side
  readonly run: BlockRun
  /** Ask both sides for digests first and copy what differs. */
  readonly compare: boolean
  /** False: only find out what differs. */
  readonly copy: boolean
  readonly digests: Record<Side, Buffer | null>
  /** Still to copy. */
  differ: BlockRun[]
  /** What comparing found to differ. */
  found: readonly BlockRun[]
  phase: 'hash' | 'read' | 'write'
  /** It came to nothing, and keeps its range only until the replicas have answered. */
  over: boolean
  /** Called once. `copied`: all is done that was to be done. */
  readonly ended: (end: CopyEnd) => void
}

export type CopyEnd = 'copied' | 'abandoned' | 'source-unreadable'
type Ask = (op: Operation, side: Side, request: ReplicaRequest) => void

/** Begins a copy whose range is free. */
export function beginCopy(op: Operation, job: CopyJob, ask: Ask): void {
  const { offset, length } = op.request
  if (!job.compare) readNext(op, job, ask)
  else for (const side of ['local', 'peer'] as const) ask(op, side, { kind: 'hash', offset, length })
}

/** An answer of a side has come. True when the copy is over. */
export function advanceCopy(op: Operation, job: CopyJob, side: Side, data: Buffer | undefined, ask: Ask): boolean {
  switch (job.phase) {
    case 'hash': {
      job.digests[side] = must(data, 'digests are data')
      if (isPending(op)) return false
      job.found = differingBlocks(job.run, must(job.digests.local, 'both answered'), must(job.digests.peer, 'both answered'))
      job.differ = [...job.found]
      if (job.differ.length === 0 || !job.copy) return true
      readNext(op, job, ask)
      return false
    }
    case 'read': {
      const bytes = must(data, 'a read brings data')
      job.phase = 'write'
      const offset = must(job.differ[0], 'a run is being copied').first * BLOCK_BYTES
      const { length } = bytes
      // A replica of an image with holes keeps them.
      if (isZero(bytes)) ask(op, job.target, { kind: 'zero', offset, length, punch: true, fua: false })
      else ask(op, job.target, { kind: 'write', offset, length, data: bytes, fua: false })
      return false
    }
    case 'write':
      job.differ.shift()
      if (job.differ.length === 0) return true
      readNext(op, job, ask)
      return false
  }
}

function readNext(op: Operation, job: CopyJob, ask: Ask): void {
  const run = must(job.differ[0], 'something is left to copy')
  const { offset, length } = op.request
  const from = run.first * BLOCK_BYTES
  job.phase = 'read'
  ask(op, otherSide(job.target), {
    kind: 'read',
    offset: from,
    length: Math.min((run.last + 1) * BLOCK_BYTES, offset + length) - from,
  })
}

/** Runs of blocks whose digests differ; one digest for each block of the run on either side. */
export function differingBlocks(run: BlockRun, mine: Buffer, theirs: Buffer): BlockRun[] {
  const bytes = (run.last - run.first + 1) * DIGEST_BYTES
  assert(mine.length === bytes && theirs.length === bytes, 'one digest a block')
  return runsWhere(run, (block) => {
    const at = (block - run.first) * DIGEST_BYTES
    return mine.compare(theirs, at, at + DIGEST_BYTES, at, at + DIGEST_BYTES) !== 0
  })
}

const ZEROES = Buffer.alloc(BLOCK_BYTES)

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const piece = bytes.subarray(at, at + BLOCK_BYTES)
    if (!piece.equals(ZEROES.subarray(0, piece.length))) return false
  }
  return true
}
