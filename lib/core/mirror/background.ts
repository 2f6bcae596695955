import { must } from '../domain/assert'
import { type BlockRun, DirtyBitmap } from '../domain/dirty-bitmap'
import type { CopyJob } from './copying'
import type { MirrorEffect, Side } from './events'
import { otherSide, SIDES } from './events'
import { operation, type Operation } from './operation'
import { Resync } from './resync'
import type { Standing } from './standing'

export interface CopyNeeds {
  readonly out: (effect: MirrorEffect) => void
  /** Waits for the range, then copies. */
  readonly run: (op: Operation) => void
  readonly flush: () => Operation
}

/** Blocks a verify compares at a time: large enough to stream. */
const VERIFY_BLOCKS = 16
const VERIFIES_MAX = 2
/** What fits one frame between workers, whatever the numbers of the blocks. */
const RUNS_PER_HINT = 1024

/** What goes on beside the guest's requests: resyncs, the comparing of members after a crash, verifies. */
export class BackgroundCopies {
  readonly #resyncs: Readonly<Record<Side, Resync>>
  readonly #flushes = new Map<Operation, Resync>()
  #verify: { repair: boolean; readonly left: DirtyBitmap; cursor: number; running: number } | null = null

  constructor(
    private readonly standing: Standing,
    private readonly needs: CopyNeeds,
  ) {
    const { local, peer } = standing.replicas
    this.#resyncs = { local: new Resync(local), peer: new Resync(peer) }
  }

  get verifying(): { readonly done: number; readonly of: number } | null {
    if (this.#verify === null) return null
    const { cursor, left } = this.#verify
    return { done: cursor, of: left.blocks }
  }

  begins(side: Side): void {
    this.#resyncs[side].restart()
    for (const [flush, resync] of this.#flushes) if (resync === this.#resyncs[side]) this.#flushes.delete(flush)
  }

  ends(side: Side): void {
    this.#resyncs[side].close()
  }

  want(side: Side, run: BlockRun): void {
    this.#resyncs[side].want(run)
  }

  allow(bytes: number): void {
    for (const side of SIDES) this.#resyncs[side].allow(bytes)
  }

  /** Both replicas must be members: otherwise there is nothing to compare. */
  verify(repair: boolean): void {
    if (!this.#bothMembers()) {
      this.needs.out({ do: 'verified', why: 'not-redundant' })
      return
    }
    this.#verify = { repair, left: new DirtyBitmap(this.standing.replicas.local.dirty.sizeBytes), cursor: 0, running: 0 }
  }

  /** A replica failed: its copies have ended, and flushes under way prove nothing. */
  abandoned(): void {
    for (const side of SIDES) {
      const resync = this.#resyncs[side]
      if (resync.isFlushing) {
        for (const [flush, of] of this.#flushes) if (of === resync) this.#flushes.delete(flush)
        resync.unflushed()
      }
    }
    this.#endVerify('replica-lost')
  }

  flushed(op: Operation, onBoth: boolean): void {
    const resync = this.#flushes.get(op)
    if (resync === undefined) return
    this.#flushes.delete(op)
    if (!onBoth) {
      resync.unflushed()
      return
    }
    const runs = resync.flushed()
    for (let at = 0; at < runs.length; at += RUNS_PER_HINT) {
      const hint = { kind: 'clean', runs: runs.slice(at, at + RUNS_PER_HINT) } as const
      for (const side of SIDES) this.needs.out({ do: 'hint', side, hint })
    }
  }

  /** The guest changes these bytes. */
  changed(offset: number, length: number): void {
    for (const side of SIDES) this.#resyncs[side].changed(offset, length)
  }

  advance(): void {
    for (const side of SIDES) this.#advanceResync(side)
    this.#advanceVerify()
  }

  #advanceResync(target: Side): void {
    const replica = this.standing.replicas[target]
    const source = this.standing.replicas[otherSide(target)]
    const resync = this.#resyncs[target]
    if (source.state !== 'member' || (replica.state !== 'resyncing' && replica.state !== 'member') || !resync.isOpen) return
    // What is copied before both know what it counts from would be copied again after a crash.
    if (replica.marks + source.marks > 0) return
    for (let step = resync.next(); step.step !== 'wait'; step = resync.next()) {
      if (step.step === 'copy') this.#copy(target, step.run, step.compare)
      else if (step.step === 'flush') {
        resync.flushing()
        this.#flushes.set(this.needs.flush(), resync)
      } else {
        this.#complete(target)
        return
      }
    }
  }

  #complete(target: Side): void {
    if (this.standing.replicas[target].state === 'resyncing') this.standing.complete(target)
    else {
      this.#resyncs[target].close()
      this.standing.compared()
    }
  }

  #copy(target: Side, run: BlockRun, compare: boolean): void {
    const resync = this.#resyncs[target]
    resync.began(run)
    const job = copyJob(target, run, compare, true, (end) => {
      if (end === 'copied') resync.finished(run, compare ? blocksIn(job.found) : 0, compare)
      else resync.abandoned(run, end === 'source-unreadable')
    })
    this.needs.run(operation({ kind: 'read', ...this.standing.replicas[target].dirty.range(run) }, null, job))
  }

  // --- verify ---------------------------------------------------------------------------------------------------------------

  #bothMembers(): boolean {
    return SIDES.every((side) => this.standing.replicas[side].state === 'member')
  }

  #advanceVerify(): void {
    const verify = this.#verify
    if (verify === null) return
    while (verify.running < VERIFIES_MAX && verify.cursor < verify.left.blocks) {
      const first = verify.cursor
      const run = { first, last: Math.min(first + VERIFY_BLOCKS, verify.left.blocks) - 1 }
      verify.cursor = run.last + 1
      verify.running++
      this.#compare(verify, run)
    }
    if (verify.running === 0 && this.#verify === verify) this.#endVerify('')
  }

  /** The replica that is read from is the one that counts: the guest has seen its bytes. */
  #compare(verify: { running: number; repair: boolean }, run: BlockRun): void {
    const target = otherSide(must(this.standing.reader, 'a verify has two members'))
    const job = copyJob(target, run, true, verify.repair, (end) => {
      verify.running--
      if (end !== 'copied') this.#endVerify(end === 'abandoned' ? 'replica-lost' : end)
      else if (job.found.length > 0) this.needs.out({ do: 'differ', runs: job.found, repaired: verify.repair })
    })
    this.needs.run(operation({ kind: 'read', ...this.standing.replicas[target].dirty.range(run) }, null, job))
  }

  #endVerify(why: string): void {
    if (this.#verify === null) return
    this.#verify = null
    this.needs.out({ do: 'verified', why })
  }
}

const copyJob = (target: Side, run: BlockRun, compare: boolean, copy: boolean, ended: CopyJob['ended']): CopyJob => ({
  ...{ kind: 'copy', target, run, compare, copy, ended },
  digests: { local: null, peer: null },
  differ: [run],
  found: [],
  phase: compare ? 'hash' : 'read',
  over: false,
})

const blocksIn = (runs: readonly BlockRun[]): number => runs.reduce((sum, { first, last }) => sum + last - first + 1, 0)
