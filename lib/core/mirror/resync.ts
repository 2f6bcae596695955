import { must } from '../domain/assert'
import { BLOCK_BYTES } from '../domain/blocks'
import { type BlockRun, DirtyBitmap, runsWhere } from '../domain/dirty-bitmap'
import type { Replica } from './replica'

/** Blocks copied at a time: long enough to stream, short enough that a guest's write of the same range waits milliseconds. */
const RUN_BLOCKS = 8
/** Copies under way at a time: enough to keep two disks and a link busy. */
const COPIES_MAX = 4
/** The target is flushed, and progress put on stable storage, after so much. */
const FLUSH_EVERY_BLOCKS = 1024
/** Digests cost a read on both sides: they are left out while so few of the blocks match, but for one run in so many. */
const WORTH_COMPARING = 0.125
const PROBE_EVERY = 16

export type ResyncStep =
  | { readonly step: 'copy'; readonly run: BlockRun; readonly compare: boolean }
  | { readonly step: 'flush' }
  /** All is copied and on stable storage. */
  | { readonly step: 'complete' }
  | { readonly step: 'wait' }

/** Where the resync of one replica stands: copies in disk order, a few at a time, and a flush now and then. */
export class Resync {
  readonly #running = new Set<BlockRun>()
  /** Blocks that reads wait for. */
  readonly #wanted: number[] = []
  #cursor = 0
  /** Runs that are copied, but perhaps only into the target's cache. */
  #unflushed: BlockRun[] = []
  #unflushedBlocks = 0
  #flushing: BlockRun[] | null = null
  /** Changed by the guest since they were copied: the target may not have that yet, so they stay on record until the end. */
  readonly #changed: DirtyBitmap
  /** Of what an earlier attempt copied, nobody knows whether it was flushed: the last step is a flush of the target in any case. */
  #flushDue = true
  #blocked = false
  #open = false
  #matching = 1
  #untilProbe = PROBE_EVERY
  /** Bytes that may still be copied; below 0: what the last copy took beyond them. */
  credit = Number.POSITIVE_INFINITY

  constructor(readonly replica: Replica) {
    this.#changed = new DirtyBitmap(replica.dirty.sizeBytes)
  }

  restart(): void {
    this.#running.clear()
    this.#wanted.length = 0
    this.#unflushed = []
    this.#unflushedBlocks = 0
    this.#flushing = null
    this.#changed.clearAll()
    this.#flushDue = true
    this.#cursor = 0
    this.#blocked = false
    this.#matching = 1
    this.#open = true
    this.credit = Number.POSITIVE_INFINITY
  }

  /** A read waits for these blocks: they come first. */
  want({ first, last }: BlockRun): void {
    for (let block = first; block <= last; block++) if (!this.#wanted.includes(block)) this.#wanted.push(block)
  }

  next(): ResyncStep {
    if (this.#blocked) return { step: 'wait' }
    if (this.#flushing === null && this.#unflushedBlocks >= FLUSH_EVERY_BLOCKS) return { step: 'flush' }
    const { dirty } = this.replica
    if (dirty.count === 0) {
      if (this.#running.size > 0 || this.#flushing !== null) return { step: 'wait' }
      return this.#flushDue || this.#unflushed.length > 0 ? { step: 'flush' } : { step: 'complete' }
    }
    if (this.#running.size >= COPIES_MAX) return { step: 'wait' }
    const wanted = this.#nextWanted()
    if (wanted === null && this.credit <= 0) return { step: 'wait' }
    const run = wanted ?? this.#nextInOrder()
    return run === null ? { step: 'wait' } : { step: 'copy', run, compare: this.#worthComparing() }
  }

  /** A copy is not cut short when the bytes end in it: the next ones pay for it. */
  allow(bytes: number): void {
    this.credit = bytes + Math.min(0, this.credit)
  }

  began(run: BlockRun): void {
    this.#running.add(run)
    this.credit -= (run.last - run.first + 1) * BLOCK_BYTES
  }

  /** The target has what the source has; `copied` of its blocks had to be copied. */
  finished(run: BlockRun, copied: number, compared: boolean): void {
    this.#running.delete(run)
    for (let block = run.first; block <= run.last; block++) {
      this.replica.dirty.clear(block)
      this.#changed.clear(block)
    }
    this.#unflushed.push(run)
    this.#unflushedBlocks += run.last - run.first + 1
    if (compared) this.#matching += 0.25 * (1 - copied / (run.last - run.first + 1) - this.#matching)
  }

  /** `blocked`: the source cannot be read there, so it makes no sense to go on. */
  abandoned(run: BlockRun, blocked: boolean): void {
    this.#running.delete(run)
    if (blocked) this.#blocked = true
  }

  /** The target is being flushed. */
  flushing(): void {
    this.#flushDue = false
    this.#flushing = this.#unflushed
    this.#unflushed = []
    this.#unflushedBlocks = 0
  }

  /** Answers the runs that are on stable storage now, and the same there as on the source. */
  flushed(): readonly BlockRun[] {
    const runs = must(this.#flushing, 'a flush was under way')
    this.#flushing = null
    return this.#changed.count === 0
      ? merged(runs)
      : merged(runs).flatMap((run) => runsWhere(run, (block) => !this.#changed.has(block)))
  }

  /** The flush failed, or went where it proves nothing. */
  unflushed(): void {
    const runs = must(this.#flushing, 'a flush was under way')
    this.#flushing = null
    this.#flushDue = true
    this.#unflushed = [...runs, ...this.#unflushed]
  }

  /** The guest changes these bytes; what it changes while they are copied waits for the copy. */
  changed(offset: number, length: number): void {
    if (this.#open) this.#changed.mark(offset, length)
  }

  get isFlushing(): boolean {
    return this.#flushing !== null
  }

  /** It was begun and has not come to its end. */
  get isOpen(): boolean {
    return this.#open
  }

  close(): void {
    this.#open = false
  }

  #worthComparing(): boolean {
    if (this.#matching >= WORTH_COMPARING) return true
    this.#untilProbe--
    if (this.#untilProbe > 0) return false
    this.#untilProbe = PROBE_EVERY
    return true
  }

  #nextWanted(): BlockRun | null {
    for (let block = this.#wanted.shift(); block !== undefined; block = this.#wanted.shift()) {
      if (this.replica.dirty.has(block) && !this.#isRunning(block)) return { first: block, last: block }
    }
    return null
  }

  #nextInOrder(): BlockRun | null {
    const { dirty } = this.replica
    for (let turn = 0; turn < 2; turn++) {
      let first = dirty.next(this.#cursor)
      while (first >= 0 && this.#isRunning(first)) first = dirty.next(first + 1)
      if (first >= 0) {
        let last = first
        while (last + 1 < first + RUN_BLOCKS && last + 1 < dirty.blocks && dirty.has(last + 1) && !this.#isRunning(last + 1))
          last++
        this.#cursor = last + 1
        return { first, last }
      }
      this.#cursor = 0
    }
    return null
  }

  #isRunning(block: number): boolean {
    for (const { first, last } of this.#running) if (first <= block && block <= last) return true
    return false
  }
}

/** Runs that touch one another as one. */
function merged(runs: readonly BlockRun[]): BlockRun[] {
  const whole: BlockRun[] = []
  for (const run of [...runs].sort((a, b) => a.first - b.first)) {
    const open = whole.at(-1)
    if (open !== undefined && run.first <= open.last + 1) {
      whole[whole.length - 1] = { first: open.first, last: Math.max(open.last, run.last) }
    } else whole.push(run)
  }
  return whole
}
