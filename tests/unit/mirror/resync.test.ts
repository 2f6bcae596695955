import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import type { BlockRun } from '../../../lib/core/domain/dirty-bitmap'
import { Replica } from '../../../lib/core/mirror/replica'
import { Resync } from '../../../lib/core/mirror/resync'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

const blocksOf = ({ first, last }: BlockRun): number[] => Array.from({ length: last - first + 1 }, (_, n) => first + n)

/** A target, by the versions of its blocks: what the source has, what the target has, and what of that is on stable storage. */
class Target {
  readonly replica: Replica
  readonly resync: Resync
  readonly source: number[]
  readonly cached: number[]
  stable: number[]
  readonly running: BlockRun[] = []
  readonly wanted: number[] = []
  flushing: number[] | null = null
  /** Block -> the version that was copied last. */
  readonly copied = new Map<number, number>()
  isComplete = false
  /** The last run that was begun. */
  isCompared = false
  flushes = 0

  constructor(
    readonly blocks: number,
    lastBytes: number,
    dirty: (block: number) => boolean,
  ) {
    this.replica = new Replica((blocks - 1) * BLOCK_BYTES + lastBytes)
    this.source = Array.from({ length: blocks }, (_, block) => (dirty(block) ? 2 : 1))
    this.cached = this.source.map(() => 1)
    this.stable = [...this.cached]
    this.replica.dirty.clearAll()
    this.source.forEach((version, block) => {
      if (version > 1) this.replica.dirty.mark(block * BLOCK_BYTES, 1)
    })
    this.resync = new Resync(this.replica)
    this.resync.restart()
  }

  /** Begins what comes next; true when something did. Asked for twice, the next thing is another one. */
  next(): boolean {
    const { credit } = this.resync
    const step = this.resync.next()
    if (step.step === 'wait') return false
    if (step.step === 'copy') {
      const { run } = step
      this.isCompared = step.compare
      const busy = new Set(this.running.flatMap(blocksOf))
      const complaints = [
        ...(run.first < 0 || run.last >= this.blocks || run.last < run.first ? ['not on the disk'] : []),
        ...(blocksOf(run).length > 8 ? ['a long run'] : []),
        ...(blocksOf(run).some((block) => busy.has(block)) ? ['copied twice at a time'] : []),
        ...(blocksOf(run).some((block) => !this.replica.dirty.has(block)) ? ['nothing is wrong there'] : []),
        ...(this.running.length >= 4 ? ['too many at a time'] : []),
        ...(credit <= 0 && !(run.first === run.last && this.wanted.includes(run.first)) ? ['past what is allowed'] : []),
      ]
      expect(complaints).toEqual([])
      this.resync.began(run)
      this.running.push(run)
    } else if (step.step === 'flush') {
      expect(this.flushing).toBeNull()
      this.resync.flushing()
      this.flushing = [...this.cached]
      this.flushes++
    } else {
      expect([this.cached, this.running.length, this.flushing]).toEqual([this.source, 0, null])
      // The guest has its own flushes; what was copied is the resync's to flush.
      expect([...this.copied].filter(([block, version]) => (this.stable[block] ?? 0) < version)).toEqual([])
      this.isComplete = true
      return false
    }
    return true
  }

  finish(run: BlockRun, copied: number, compared: boolean): void {
    for (const block of blocksOf(run)) {
      this.cached[block] = this.source[block] ?? 0
      this.copied.set(block, this.cached[block])
    }
    this.#over(run)
    this.resync.finished(run, copied, compared)
  }

  abandon(run: BlockRun, blocked: boolean): void {
    this.#over(run)
    this.resync.abandoned(run, blocked)
  }

  flushed(isDone: boolean): void {
    const flushed = this.flushing
    if (flushed === null) return
    this.flushing = null
    if (!isDone) {
      this.resync.unflushed()
      return
    }
    this.stable = flushed
    const clean = this.resync.flushed().flatMap(blocksOf)
    // Only these may be forgotten by both.
    expect(clean.filter((block) => this.stable[block] !== this.source[block])).toEqual([])
    expect(new Set(clean).size).toBe(clean.length)
  }

  /** The guest's changes go to both; those of a range that is being copied wait. */
  write(block: number): void {
    if (this.running.some(({ first, last }) => first <= block && block <= last)) return
    this.source[block] = (this.source[block] ?? 0) + 2
    if (!this.replica.dirty.has(block)) this.cached[block] = this.source[block]
    this.resync.changed(block * BLOCK_BYTES, 1)
  }

  want(first: number, last: number): void {
    for (const block of blocksOf({ first, last })) this.wanted.push(block)
    this.resync.want({ first, last })
  }

  #over(run: BlockRun): void {
    this.running.splice(this.running.indexOf(run), 1)
  }
}

describe(`resync (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('whatever comes between, in the end the target has it all, and nothing is called clean before', () => {
    let interrupted = 0
    for (const seed of seeds(120)) {
      const dice = new Dice(seed)
      const density = dice.of([0.05, 0.5, 1])
      const target = new Target(1 + dice.below(60), dice.of([512, BLOCK_BYTES]), () => dice.chance(density))
      for (let step = 0; step < 150; step++) {
        const what = dice.of([
          'next',
          'next',
          'next',
          'finish',
          'finish',
          'abandon',
          'flushed',
          'write',
          'want',
          'credit',
          'restart',
        ])
        const run = target.running.length === 0 ? null : dice.of(target.running)
        const block = dice.below(target.blocks)
        if (what === 'next') target.next()
        else if (what === 'finish' && run !== null) target.finish(run, dice.below(3), dice.chance(0.5))
        else if (what === 'abandon' && run !== null && dice.chance(0.3)) target.abandon(run, false)
        else if (what === 'flushed') target.flushed(dice.chance(0.7))
        else if (what === 'write') target.write(block)
        else if (what === 'want') target.want(block, Math.min(target.blocks - 1, block + dice.below(3)))
        else if (what === 'credit') target.resync.credit = dice.of([0, BLOCK_BYTES, 20 * BLOCK_BYTES, Number.POSITIVE_INFINITY])
        else if (what === 'restart' && dice.chance(0.1)) {
          target.isComplete = false
          // The target was lost and is back: what was under way is not.
          interrupted += target.running.length
          target.running.length = 0
          target.flushing = null
          target.resync.restart()
        }
      }
      target.resync.credit = Number.POSITIVE_INFINITY
      for (let rounds = 0; rounds < 500 && (target.next() || target.running.length > 0 || target.flushing !== null); rounds++) {
        for (const run of [...target.running]) target.finish(run, 0, true)
        target.flushed(true)
      }
      expect({ seed, isComplete: target.isComplete }).toEqual({ seed, isComplete: true })
      expect({ seed, cached: target.cached }).toEqual({ seed, cached: target.source })
    }
    expect(interrupted).toBeGreaterThan(10)
  })

  test('even with nothing to copy the target is flushed before all is well', () => {
    const target = new Target(8, 512, () => false)
    expect(target.resync.next()).toEqual({ step: 'flush' })
    target.next()
    target.flushed(false)
    expect(target.resync.next()).toEqual({ step: 'flush' })
    target.next()
    expect(target.resync.next()).toEqual({ step: 'wait' })
    target.flushed(true)
    expect(target.resync.next()).toEqual({ step: 'complete' })
  })

  test('what a flush that failed did not prove, the next one does', () => {
    const target = new Target(8, 512, () => true)
    target.next()
    const [run] = target.running
    if (run !== undefined) target.finish(run, 8, true)
    target.next()
    target.flushed(false)
    target.next()
    expect(target.resync.flushed()).toEqual([{ first: 0, last: 7 }])
  })

  test('runs of eight in disk order, four at a time, a flush after 1024 blocks', () => {
    const target = new Target(3000, 512, () => true)
    const runs: BlockRun[] = []
    let most = 0
    let unflushed = 0
    while (!target.isComplete) {
      while (target.next());
      most = Math.max(most, target.running.length)
      const [run] = target.running
      if (target.flushing !== null) {
        unflushed = 0
        target.flushed(true)
      } else if (run !== undefined) {
        runs.push(run)
        target.finish(run, 8, false)
        unflushed += 8
        expect(unflushed).toBeLessThanOrEqual(1024)
      }
    }
    expect(runs.map(({ first, last }) => [first, last])).toEqual(Array.from({ length: 375 }, (_, n) => [8 * n, 8 * n + 7]))
    expect([most, target.flushes]).toEqual([4, 3])
  })

  test('digests are left out while nothing matches, but for one run in sixteen, and taken again when they help', () => {
    const target = new Target(4000, 512, () => true)
    const pattern = (runs: number, copied: number): string => {
      let said = ''
      while (said.length < runs) {
        target.next()
        const [run] = target.running
        if (run === undefined) target.flushed(true)
        else {
          target.finish(run, copied, target.isCompared)
          said += target.isCompared ? 'c' : '.'
        }
      }
      return said
    }
    expect(pattern(10, 0)).toBe('c'.repeat(10))
    const nothingMatches = pattern(80, 8)
    expect(nothingMatches.slice(0, 8)).toBe('cccccccc')
    expect(nothingMatches.slice(30).replace(/^\.*/, '')).toMatch(/^(?:c\.{15})*c\.*$/)
    expect(pattern(60, 0).slice(-20)).toBe('c'.repeat(20))
  })

  test('a source that cannot be read ends the attempt, not what is known', () => {
    const target = new Target(16, 512, () => true)
    target.next()
    const [run] = target.running
    if (run === undefined) throw new Error('nothing is copied')
    target.abandon(run, true)
    expect(target.resync.next()).toEqual({ step: 'wait' })
    expect(target.replica.dirty.count).toBe(16)
    target.resync.restart()
    expect(target.resync.next()).toEqual({ step: 'copy', run: { first: 0, last: 7 }, compare: true })
  })

  test('what a read waits for comes first, at any rate, and once', () => {
    const target = new Target(100, 512, (block) => block !== 41)
    target.resync.credit = 0
    expect(target.resync.next()).toEqual({ step: 'wait' })
    target.want(40, 42)
    target.want(42, 42)
    const wanted: number[] = []
    while (target.next()) wanted.push(...target.running.slice(-1).map(({ first }) => first))
    expect(wanted).toEqual([40, 42])
  })
})
