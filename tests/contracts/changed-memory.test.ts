import { spawnSync } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allocateZeroes } from '../../lib/dom0/block/block-file-space'
import { openChangedMemory } from '../../lib/dom0/memory/changed-memory'
import { loadNativeMemory } from '../../lib/dom0/memory/native-memory'
import type { ChangedMemory, ChangedPages, MemoryRange } from '../../lib/ports/changed-memory'
import { SEED, seeds } from '../wire/seeded'
import { Dice } from '../world/prng'
import { ADDONS, built, NO_NATIVE } from './native-addon'

const PAGE = 4096
const CHUNK_PAGES = 16

const kinds = ['/dev/shm', tmpdir()].flatMap((place) => [
  ...(NO_NATIVE === '' ? [[`the addon, a file in ${place}`, place, true] as const] : []),
  [`plain Node, a file in ${place}`, place, false] as const,
])

describe.each(kinds)(`changed memory: %s ${NO_NATIVE} (HOLDFAST_TEST_SEED=${SEED})`, (_kind, place, isNative) => {
  let folder = ''
  let path = ''
  let fd = -1
  let memory: ChangedMemory | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(place, 'holdfast-memory-'))
    path = join(folder, 'ram')
    fd = openSync(path, 'w+')
  })
  afterEach(async () => {
    await memory?.close()
    memory = null
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })

  const opened = async (): Promise<ChangedMemory> =>
    (memory = await openChangedMemory(path, isNative ? built(loadNativeMemory) : null))
  const guest = (pages: number): Promise<ChangedMemory> => {
    ftruncateSync(fd, pages * PAGE)
    return opened()
  }
  const bytes = (): Buffer => {
    const all = Buffer.alloc(fstatSync(fd).size)
    readSync(fd, all, 0, all.length, 0)
    return all
  }

  test('every set of four pages, with room for each number of pages', async () => {
    const ram = await guest(4)
    const replica = Buffer.alloc(4 * PAGE)
    let stamp = 0
    for (let changed = 0; changed < 16; changed++) {
      for (let room = 1; room <= 4; room++) {
        const set = [0, 1, 2, 3].filter((page) => (changed >> page) & 1)
        for (const page of set)
          writeSync(fd, Buffer.from([++stamp & 0xff, stamp >> 8]), 0, 2, page * PAGE + ((stamp * 61) % (PAGE - 1)))
        const told: number[] = []
        let rest = whole(4)
        for (let scans = 1; rest.length > 0; scans++) {
          const found = await ram.scan(rest, Buffer.alloc(room * PAGE))
          told.push(...pagesOf(found))
          applyTo(replica, found)
          // All that there is room for, and then the first that there is none for.
          expect(told.length).toBe(Math.min(set.length, scans * room))
          expect(found.rest.length === 0).toBe(told.length === set.length)
          rest = found.rest
        }
        expect(told).toEqual(set)
        expect(replica.equals(bytes())).toBe(true)
      }
    }
  })

  test.each(seeds(4))('writes and holes anywhere, looks at any ranges, seed %i', async (seed) => {
    const dice = new Dice(seed)
    const pages = 3 * CHUNK_PAGES + dice.below(CHUNK_PAGES)
    const ram = await guest(pages)
    const last = Buffer.alloc(pages * PAGE)
    for (let step = 0; step < 40; step++) {
      for (let changes = dice.below(6); changes > 0; changes--) await change(dice, pages)
      const ranges = dice.chance(0.5) ? whole(pages) : someOf(dice, pages)
      const now = bytes()
      const expected = ranges.flatMap(({ offset, length }) =>
        runs(Array.from({ length: length / PAGE }, (_, n) => offset / PAGE + n).filter((page) => differs(now, last, page))),
      )
      const found = await ram.scan(ranges, Buffer.alloc(pages * PAGE))
      expect(joined(found.parts.flatMap((part) => part.runs))).toEqual(joined(expected))
      expect(found.rest).toEqual([])
      applyTo(last, found)
      for (const { offset, length } of ranges)
        expect(last.subarray(offset, offset + length).equals(now.subarray(offset, offset + length))).toBe(true)
    }
  })

  const change = async (dice: Dice, pages: number): Promise<void> => {
    const at = dice.below(pages * PAGE)
    const length = Math.min(1 + dice.below(dice.chance(0.3) ? 20 * PAGE : 8), pages * PAGE - at)
    if (dice.chance(0.7)) writeSync(fd, Buffer.alloc(length, dice.below(3)), 0, length, at)
    else if (dice.chance(0.5)) await allocateZeroes(fd, Math.floor(at / PAGE) * PAGE, PAGE, true)
  }

  test('a large one: in several parts, of which all together are right', async () => {
    const pages = 4096
    const ram = await guest(pages)
    const replica = Buffer.alloc(pages * PAGE)
    const dice = new Dice(SEED)
    for (let step = 0; step < 4; step++) {
      for (let n = 0; n < 200; n++) writeSync(fd, Buffer.from([1 + dice.below(255)]), 0, 1, dice.below(pages * PAGE))
      let rest = whole(pages)
      const into = Buffer.alloc(64 * PAGE)
      while (rest.length > 0) {
        const found = await ram.scan(rest, into)
        applyTo(replica, found)
        rest = found.rest
      }
      expect(replica.equals(bytes())).toBe(true)
    }
    expect(await ram.scan(whole(pages), Buffer.alloc(PAGE))).toEqual({ parts: [], rest: [] })
    const both = Buffer.from('both ends')
    for (const at of [0, pages * PAGE - both.length]) writeSync(fd, both, 0, both.length, at)
    const { parts } = await ram.scan(whole(pages), Buffer.alloc(2 * PAGE))
    expect(parts.flatMap((part) => part.runs)).toEqual([
      { offset: 0, length: PAGE },
      { offset: (pages - 1) * PAGE, length: PAGE },
    ])
  })

  test('each single bit of a page counts, and so does the order of its words', async () => {
    const ram = await guest(PAGE)
    const into = Buffer.alloc(PAGE * PAGE)
    const page = Buffer.from(Array.from({ length: PAGE }, (_, at) => (at * 167 + (at >> 8) * 13) & 0xff))
    for (let n = 0; n < PAGE; n++) writeSync(fd, page, 0, PAGE, n * PAGE)
    expect(pagesOf(await ram.scan(whole(PAGE), into))).toHaveLength(PAGE)
    for (let bit = 0; bit < 8; bit++) {
      // Of page number n the byte number n.
      for (let at = 0; at < PAGE; at++) writeSync(fd, Buffer.from([(page[at] ?? 0) ^ (1 << bit)]), 0, 1, at * PAGE + at)
      expect(pagesOf(await ram.scan(whole(PAGE), into))).toHaveLength(PAGE)
    }
    for (let n = 0; n < PAGE; n++) writeSync(fd, page, 0, PAGE, n * PAGE)
    await ram.scan(whole(PAGE), into)
    const words = PAGE / 8
    for (let n = 0; n < words; n++) {
      const [one, other] = [n * 8, ((n + 1) % words) * 8]
      writeSync(fd, page.subarray(one, one + 8), 0, 8, n * PAGE + other)
      writeSync(fd, page.subarray(other, other + 8), 0, 8, n * PAGE + one)
    }
    expect(pagesOf(await ram.scan(whole(PAGE), into))).toEqual(Array.from({ length: words }, (_, n) => n))
  })

  test('a hole where there was something counts as zeros, and looking takes no room for it', async () => {
    const ram = await guest(1024)
    writeSync(fd, Buffer.alloc(1024 * PAGE, 7))
    await ram.scan(whole(1024), Buffer.alloc(1024 * PAGE))
    await allocateZeroes(fd, 100 * PAGE, 300 * PAGE, true)
    const before = fstatSync(fd).blocks
    const found = await ram.scan(whole(1024), Buffer.alloc(1024 * PAGE))
    expect(pagesOf(found)).toEqual(Array.from({ length: 300 }, (_, n) => 100 + n))
    expect(found.parts.every(({ bytes: all }) => all.every((each) => each === 0))).toBe(true)
    expect(await ram.scan(whole(1024), Buffer.alloc(PAGE))).toEqual({ parts: [], rest: [] })
    expect(fstatSync(fd).blocks).toBe(before)
  })

  test('where the guest never wrote, looking takes no room', async () => {
    const ram = await guest(4096)
    writeSync(fd, 'x', 5 * 1024 * PAGE - 4096 * PAGE)
    const before = fstatSync(fd).blocks
    expect(pagesOf(await ram.scan(whole(4096), Buffer.alloc(PAGE)))).toHaveLength(1)
    expect(fstatSync(fd).blocks).toBe(before)
  })

  test('what was never a memory is refused', async () => {
    for (const size of [0, 1, PAGE - 1, PAGE + 1]) {
      ftruncateSync(fd, size)
      await expect(opened()).rejects.toMatchObject({ code: 'EINVAL' })
    }
    await expect(openChangedMemory(join(folder, 'none'), null)).rejects.toMatchObject({ code: 'ENOENT' })
    const ram = await guest(4)
    for (const [offset, length] of [
      [0, 5],
      [-1, 1],
      [4, 1],
      [0.5, 1],
      [0, 0.5],
      [Number.NaN, 1],
    ] as const)
      await expect(ram.scan([{ offset: offset * PAGE, length: length * PAGE }], Buffer.alloc(PAGE))).rejects.toThrow(
        'pages of the memory',
      )
    await expect(ram.scan(whole(4), Buffer.alloc(PAGE - 1))).rejects.toThrow('room for a page')
    expect(await ram.scan([], Buffer.alloc(PAGE))).toEqual({ parts: [], rest: [] })
  })

  test('one that was cut off is lost, and stays so when it is long again', async () => {
    const ram = await guest(64)
    writeSync(fd, Buffer.alloc(64 * PAGE, 1))
    expect(pagesOf(await ram.scan(whole(64), Buffer.alloc(64 * PAGE)))).toHaveLength(64)
    ftruncateSync(fd, 32 * PAGE)
    await expect(ram.scan(whole(64), Buffer.alloc(PAGE))).rejects.toMatchObject({ code: 'EIO' })
    ftruncateSync(fd, 64 * PAGE)
    await expect(ram.scan(whole(64), Buffer.alloc(PAGE))).rejects.toMatchObject({ code: 'EIO' })
  })

  test('two scans at once are a bug, and so is closing under one', async () => {
    const ram = await guest(2048)
    const first = ram.scan(whole(2048), Buffer.alloc(PAGE))
    await expect(ram.scan(whole(2048), Buffer.alloc(PAGE))).rejects.toThrow('one scan at a time')
    await first
  })
})

const withAddon = NO_NATIVE === '' ? describe : describe.skip

withAddon('the addon and lost pages', () => {
  /** A process of its own: one that died of a lost page would take the tests with it. */
  const run = (script: string): ReturnType<typeof spawnSync> => {
    const load = `const fs = require('node:fs'); const holder = { exports: {} }
      process.dlopen(holder, ${JSON.stringify(join(ADDONS, 'holdfast-memory.node'))})
      const { scan, closeMemory } = holder.exports
      const openMemory = (fd, size) => holder.exports.openMemory(fd, size, Buffer.alloc(4096, 3))
      const path = '/dev/shm/holdfast-lost-' + process.pid, fd = fs.openSync(path, 'w+')
      fs.unlinkSync(path)
      const size = 32 << 20
      const look = (memory, out) => new Promise((told) => scan(memory, new Float64Array([0, size]), new Float64Array(2048), out,
        (errno) => told(errno)));`
    return spawnSync(process.execPath, ['-e', load + script], { encoding: 'utf8', timeout: 25_000 })
  }

  test('cut off while it is looked at, at any moment: an error or nothing, and afterwards an error', () => {
    const { stdout, status, signal } = run(`(async () => {
      const all = Buffer.alloc(size, 1), seen = new Set()
      for (let round = 0; round < 12; round++) {
        fs.ftruncateSync(fd, 0)
        fs.writeSync(fd, all, 0, size, 0)
        const memory = openMemory(fd, size)
        const under = look(memory, Buffer.alloc(size))
        for (const until = performance.now() + round / 3; performance.now() < until;);
        fs.ftruncateSync(fd, 4096 * (round % 3))
        seen.add(await under)
        seen.add('then ' + (await look(memory, Buffer.alloc(4096))))
        closeMemory(memory)
      }
      console.log([...seen].filter((each) => each !== 0).join())
    })()`)
    expect({ stdout, status, signal }).toEqual({ stdout: '5,then 5\n', status: 0, signal: null })
  })

  test('a memory that is being looked at is not closed', () => {
    const { stdout } = run(`(async () => {
      fs.ftruncateSync(fd, size)
      const memory = openMemory(fd, size), under = look(memory, Buffer.alloc(4096))
      try { closeMemory(memory) } catch (error) { console.log(error.message) }
      await under
      closeMemory(memory)
      try { look(memory, Buffer.alloc(4096)).catch((error) => console.log(error.message)) } catch (error) { console.log('thrown') }
    })()`)
    expect(stdout).toBe('the memory is being looked at\nthe memory is closed\n')
  })

  test('any other such signal ends the process as it would have', () => {
    const { signal } = run(`fs.ftruncateSync(fd, size); const memory = openMemory(fd, size); process.kill(process.pid, 'SIGBUS')
      setTimeout(() => closeMemory(memory), 20000)`)
    expect(signal).toBe('SIGBUS')
  })

  test('no more than it can watch over', () => {
    const { stdout } = run(`fs.ftruncateSync(fd, 4096); const held = []
      try { for (;;) held.push(openMemory(fd, 4096)) } catch (error) { console.log(held.length, error.message) }
      for (const memory of held.splice(0)) closeMemory(memory)
      held.push(openMemory(fd, 4096))
      console.log(held.length)`)
    expect(stdout).toBe('64 too many memories at once\n1\n')
  })

  test.each([0, 4095, 4097])('a key of %i bytes is refused', (bytes) => {
    const { stdout } = run(`fs.ftruncateSync(fd, 4096)
      try { holder.exports.openMemory(fd, 4096, Buffer.alloc(${bytes})) } catch (error) { console.log(error.message) }`)
    expect(stdout).toBe('openMemory(fd, bytes, key)\n')
  })

  test.each([
    ['no memory', [null, new Float64Array(2), new Float64Array(2), Buffer.alloc(1), () => undefined]],
    ['too few', [1]],
  ])('%s is refused', (_what, given) => {
    const native = loadNativeMemory(ADDONS) as unknown as { scan: (...given: unknown[]) => void }
    expect(() => native.scan(...given)).toThrow('scan(memory, ranges, runs, out, done)')
  })
})

const whole = (pages: number): readonly MemoryRange[] => [{ offset: 0, length: pages * PAGE }]

/** Ascending, with gaps. */
function someOf(dice: Dice, pages: number): MemoryRange[] {
  const ranges: MemoryRange[] = []
  for (let page = dice.below(4); page < pages;) {
    const past = Math.min(pages, page + 1 + dice.below(24))
    ranges.push({ offset: page * PAGE, length: (past - page) * PAGE })
    page = past + 1 + dice.below(8)
  }
  return ranges
}

function differs(one: Buffer, other: Buffer, page: number): boolean {
  for (let at = page * PAGE; at < (page + 1) * PAGE; at++) if (one[at] !== other[at]) return true
  return false
}

const runs = (pages: readonly number[]): MemoryRange[] => pages.map((page) => ({ offset: page * PAGE, length: PAGE }))

/** Single pages: the oracle need not know how they are joined, only that they are. */
const joined = (ranges: readonly MemoryRange[]): number[] =>
  ranges.flatMap(({ offset, length }) => Array.from({ length: length / PAGE }, (_, n) => offset / PAGE + n))

const pagesOf = (found: ChangedPages): number[] => joined(found.parts.flatMap((part) => part.runs))

function applyTo(replica: Buffer, { parts }: ChangedPages): void {
  for (const { runs: changed, bytes } of parts) {
    let at = 0
    for (const { offset, length } of changed) {
      bytes.copy(replica, offset, at, at + length)
      at += length
    }
    expect(at).toBe(bytes.length)
    for (const [n, { offset }] of changed.slice(1).entries()) {
      const before = changed[n]
      expect(offset).toBeGreaterThan((before?.offset ?? 0) + (before?.length ?? 0))
    }
  }
}
