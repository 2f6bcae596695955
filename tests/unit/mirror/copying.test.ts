import { createHash } from 'node:crypto'
import { must } from '../../../lib/core/domain/assert'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DirtyBitmap, type BlockRun } from '../../../lib/core/domain/dirty-bitmap'
import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'
import { advanceCopy, beginCopy, type CopyJob } from '../../../lib/core/mirror/copying'
import { SIDES, type Side } from '../../../lib/core/mirror/events'
import { operation } from '../../../lib/core/mirror/operation'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'

const BLOCKS = 12

interface Wish {
  readonly run: BlockRun
  readonly compare: boolean
  readonly copy: boolean
  readonly target: Side
}

/** Two small disks and one copy between them; answers come in an order that the dice choose. */
class Copy {
  readonly written: string[] = []
  readonly read: number[] = []
  readonly #open: { side: Side; request: ReplicaRequest }[] = []
  readonly job: CopyJob

  constructor(
    readonly disks: Record<Side, Buffer>,
    wish: Wish,
    private readonly dice: Dice,
  ) {
    this.job = {
      ...{ kind: 'copy', ...wish, digests: { local: null, peer: null }, differ: [wish.run], found: [] },
      ...{ phase: wish.compare ? 'hash' : 'read', over: false, ended: () => undefined },
    }
  }

  run(): void {
    const { job } = this
    const range = new DirtyBitmap(this.disks.local.length).range(job.run)
    const op = operation({ kind: 'read', ...range }, null, job)
    let issues = 0
    const ask = (_op: unknown, side: Side, request: ReplicaRequest): void => {
      op.issue[side] = ++issues
      this.#open.push({ side, request })
    }
    beginCopy(op, job, ask)
    for (;;) {
      const next = this.dice.of(this.#open)
      this.#open.splice(this.#open.indexOf(next), 1)
      op.issue[next.side] = 0
      if (advanceCopy(op, job, next.side, this.#perform(next.side, next.request), ask)) break
    }
    expect(this.#open).toEqual([])
  }

  #perform(side: Side, request: ReplicaRequest): Buffer | undefined {
    const { offset, length } = request
    const bytes = this.disks[side].subarray(offset, offset + length)
    expect(bytes.length).toBe(length)
    switch (request.kind) {
      case 'hash': {
        const blocks = Array.from({ length: Math.ceil(length / BLOCK_BYTES) }, (_, n) =>
          bytes.subarray(n * BLOCK_BYTES, (n + 1) * BLOCK_BYTES),
        )
        return Buffer.concat(blocks.map((block) => createHash('sha256').update(block).digest()))
      }
      case 'read':
        this.read.push(length)
        return Buffer.from(bytes)
      case 'write':
        this.written.push(`write ${offset / BLOCK_BYTES} ${length}`)
        expect(side).toBe(this.job.target)
        request.data.copy(bytes)
        return undefined
      case 'zero':
        this.written.push(`zero ${offset / BLOCK_BYTES} ${length}${request.punch ? ' punch' : ''}`)
        expect(side).toBe(this.job.target)
        bytes.fill(0)
        return undefined
      case 'flush':
      case 'mark':
        throw new Error(`a copy asks for no ${request.kind}`)
    }
  }
}

/** A disk of blocks of one byte each; its last one is short. */
const disk = (contents: readonly number[], lastBytes: number): Buffer =>
  Buffer.concat(contents.map((content, block) => Buffer.alloc(block === contents.length - 1 ? lastBytes : BLOCK_BYTES, content)))

describe(`copying (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test('afterwards the target is as the source, there and only there, and no more was touched than differed', () => {
    const seen = new Set<string>()
    for (const seed of seeds(400)) {
      const dice = new Dice(seed)
      const source = Array.from({ length: BLOCKS }, () => dice.below(3))
      const other = source.map((content) => (dice.chance(0.5) ? content : dice.below(3)))
      const lastBytes = dice.of([512, BLOCK_BYTES - 512, BLOCK_BYTES])
      const target = dice.of(SIDES)
      const first = dice.below(BLOCKS)
      const run = { first, last: first + dice.below(BLOCKS - first) }
      const disks =
        target === 'peer'
          ? { local: disk(source, lastBytes), peer: disk(other, lastBytes) }
          : { local: disk(other, lastBytes), peer: disk(source, lastBytes) }
      const compare = dice.chance(0.6)
      const copy = !compare || dice.chance(0.7)
      const it = new Copy(disks, { run, compare, copy, target }, dice)
      it.run()

      const inRun = source.map((_, block) => run.first <= block && block <= run.last)
      const differs = source.map((content, block) => inRun[block] === true && content !== other[block])
      const expected = other.map((content, block) => (copy && inRun[block] === true ? must(source[block], 'a block') : content))
      const untouched = target === 'peer' ? disk(source, lastBytes) : disk(other, lastBytes)
      expect({ seed, same: it.disks[target].equals(disk(expected, lastBytes)) }).toEqual({ seed, same: true })
      if (target === 'peer') expect(it.disks.local.equals(untouched)).toBe(true)
      const sizeOf = (block: number): number => (block === BLOCKS - 1 ? lastBytes : BLOCK_BYTES)
      const wanted = compare ? differs : inRun
      const due = copy ? wanted.reduce((sum, is, block) => sum + (is ? sizeOf(block) : 0), 0) : 0
      expect({ seed, read: it.read.reduce((sum, length) => sum + length, 0) }).toEqual({ seed, read: due })
      if (compare) {
        const found = it.job.found.flatMap(({ first: from, last }) => Array.from({ length: last - from + 1 }, (_, n) => from + n))
        expect({ seed, found }).toEqual({ seed, found: [...differs.keys()].filter((block) => differs[block] === true) })
      }
      for (const line of it.written) seen.add(line.replace(/\d+ /, ''))
    }
    expect([...seen].some((line) => line.startsWith('zero') && line.endsWith('punch'))).toBe(true)
    expect([...seen].some((line) => line.startsWith('write 512'))).toBe(true)
  })

  test('holes stay holes: only a stretch that is all zeroes is made one, and one byte at its end makes it none', () => {
    const source = disk([0, 0, 0, 0], 512)
    const dice = new Dice(1)
    const run = { first: 0, last: 3 }
    const all = new Copy(
      { local: source, peer: disk([1, 1, 1, 1], 512) },
      { run, compare: false, copy: true, target: 'peer' },
      dice,
    )
    all.run()
    expect(all.written).toEqual([`zero 0 ${3 * BLOCK_BYTES + 512} punch`])
    source[3 * BLOCK_BYTES + 511] = 1
    const most = new Copy(
      { local: source, peer: disk([1, 1, 1, 1], 512) },
      { run, compare: false, copy: true, target: 'peer' },
      dice,
    )
    most.run()
    expect(most.written).toEqual([`write 0 ${3 * BLOCK_BYTES + 512}`])
    expect(most.disks.peer.equals(source)).toBe(true)
  })

  test('neighbours that differ are read and written at once', () => {
    const local = disk([1, 2, 2, 1, 2, 1], BLOCK_BYTES)
    const it = new Copy(
      { local, peer: disk([1, 1, 1, 1, 1, 1], BLOCK_BYTES) },
      { run: { first: 0, last: 5 }, compare: true, copy: true, target: 'peer' },
      new Dice(1),
    )
    it.run()
    expect(it.written).toEqual([`write 1 ${2 * BLOCK_BYTES}`, `write 4 ${BLOCK_BYTES}`])
    expect(it.job.found).toEqual([
      { first: 1, last: 2 },
      { first: 4, last: 4 },
    ])
  })

  test('digests of another length are a bug, not a match', () => {
    const job: CopyJob = {
      ...{
        kind: 'copy',
        target: 'peer',
        run: { first: 0, last: 1 },
        compare: true,
        copy: true,
        digests: { local: null, peer: null },
      },
      ...{ differ: [], found: [], phase: 'hash', over: false, ended: () => undefined },
    }
    const op = operation({ kind: 'read', offset: 0, length: 2 * BLOCK_BYTES }, null, job)
    op.issue.peer = 1
    expect(advanceCopy(op, job, 'local', Buffer.alloc(64), () => undefined)).toBe(false)
    op.issue.peer = 0
    expect(() => advanceCopy(op, job, 'peer', Buffer.alloc(32), () => undefined)).toThrow('one digest a block')
  })
})
