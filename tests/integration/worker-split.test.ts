import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { rulesOut } from '../../lib/core/mirror/split'
import type { SplitRange } from '../../lib/wire/split'
import { BLOCK, compared, differingBlocks, output, splitOf, splitPair, write } from './split-pair'
import { eventually } from './worker-host'
import { DISK_BYTES, DOMAIN, type WorkerPair } from './worker-pair'

jest.setTimeout(120_000)

const MIB = 1024 * 1024
const BY_A = [
  { at: 2 * MIB + 512, length: 4096, pattern: 1 },
  { at: 9 * MIB, length: 3 * BLOCK, pattern: 2 },
  { at: 20 * MIB, length: 512, pattern: 3 },
]
const BY_B = [
  { at: 2 * MIB, length: 512, pattern: 4 },
  { at: 9 * MIB + 2 * BLOCK, length: 2 * BLOCK, pattern: 5 },
  { at: DISK_BYTES - 4096, length: 4096, pattern: 6 },
]

let pair: WorkerPair
afterEach(() => pair.close())

const blocksOf = (ranges: readonly SplitRange[]): number[] =>
  ranges.flatMap(({ offset, length }) => Array.from({ length: Math.ceil(length / BLOCK) }, (_, n) => offset / BLOCK + n))

const nbd = ({ socket, exportName }: { socket: string; exportName: string }): string =>
  `nbd:unix:${socket}:exportname=${exportName}`

test('two histories that met: what differs and who wrote it; each side is read by an operator while the guest goes on', async () => {
  pair = await splitPair(BY_A, BY_B)
  const { a, b } = pair
  const told = await compared(pair, b)
  expect(told.seen).toMatchObject({ rule: 'both-wrote-since', refused: 'peer', comparison: { state: 'done', why: '' } })
  const { ranges = [], differingBytes = 0 } = told.seen?.comparison ?? {}
  expect(blocksOf(ranges)).toEqual(differingBlocks(a.image, b.image))
  expect(differingBytes).toBe(blocksOf(ranges).length * BLOCK)
  const by = (at: number): string | undefined => ranges.find(({ offset, length }) => offset <= at && at < offset + length)?.by
  expect([by(9 * MIB + 3 * BLOCK), by(DISK_BYTES - 1)]).not.toContain('refused')
  expect([by(9 * MIB), by(20 * MIB)]).not.toContain('serving')

  const [ofA, ofB] = [(await splitOf(pair, a)).own, told.own]
  expect(ofA?.generations.bitmap).toBe(ofB?.generations.bitmap)
  expect([ofA?.term, ofB?.term]).toEqual([2, 2])

  const shown = await a.ask('split-export', { volume: pair.volume, serve: true })
  const serving = await b.ask('split-export', { volume: pair.volume, serve: true })
  if (shown === null || serving === null) throw new Error('nothing is exported')
  expect((await splitOf(pair, a)).exported).toEqual(shown)
  expect(output('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', nbd(shown), a.image])).toMatchObject({ status: 0 })
  const copy = join(pair.folder, 'copied.raw')
  expect(output('qemu-img', ['convert', '-f', 'raw', '-O', 'raw', nbd(serving), copy])).toMatchObject({ status: 0 })
  expect(readFileSync(copy).equals(readFileSync(b.image))).toBe(true)
  expect(() => write(shown.socket, shown.exportName, [{ at: 0, length: 512, pattern: 9 }])).toThrow(
    /read-only|Permission denied/i,
  )
  // The guest writes on while both are looked at.
  const guest = await b.ask('attach', { volume: pair.volume, domain: DOMAIN })
  write(guest.socket, guest.exportName, [{ at: 5 * MIB, length: 512, pattern: 7 }])
  expect(blocksOf((await compared(pair, b)).seen?.comparison?.ranges ?? [])).toEqual(differingBlocks(a.image, b.image))
  expect(await a.ask('split-export', { volume: pair.volume, serve: false })).toBeNull()
  expect((await splitOf(pair, a)).exported).toBeNull()
  expect(output('qemu-img', ['info', nbd(shown)]).status).toBe(1)
})

test('the history of the secondary is kept aside and given up: it gets what differs, and is up-to-date', async () => {
  pair = await splitPair(BY_A, BY_B)
  const { a, b, volume } = pair
  const before = readFileSync(a.image)
  await a.ask('split-keep-aside', { volume })
  const aside = await eventually('the copy is made', async () => {
    const told = (await splitOf(pair, a)).aside
    return told?.state === 'copying' ? null : told
  })
  expect(aside).toMatchObject({ state: 'done', why: '' })
  expect(readFileSync(join(aside.folder, 'disk.raw')).equals(before)).toBe(true)
  expect(statSync(join(aside.folder, 'disk.raw.meta.json')).size).toBeGreaterThan(0)

  await b.ask('give-up', { volume, side: 'peer' })
  await pair.untilRedundant(b)
  pair.expectSameBytes()
  expect(b.acts('resync-started').map(({ rule }) => rule)).toEqual(['operator-chose'])
  expect((await splitOf(pair, b)).seen).toBeNull()
  await expect(b.ask('give-up', { volume, side: 'peer' })).rejects.toMatchObject({ code: 'HOLDFAST_SPLIT_REFUSED' })
})

test('the history that serves is given up only while no guest uses it; then the claim lists the other one first', async () => {
  pair = await splitPair(BY_A, BY_B)
  const { a, b, volume } = pair
  const wanted = readFileSync(a.image)
  await expect(b.ask('give-up', { volume, side: 'local' })).rejects.toMatchObject({ code: 'HOLDFAST_SPLIT_REFUSED' })
  expect(await pair.upToDate()).toEqual([b.uuid])
  await b.ask('deactivate', { volume, domain: DOMAIN })
  await b.ask('detach', { volume, domain: DOMAIN })
  await b.ask('give-up', { volume, side: 'local' })
  await pair.untilRedundant(b)
  pair.expectSameBytes()
  expect(readFileSync(b.image).equals(wanted)).toBe(true)
  expect((await pair.claim()).claim).toMatchObject({ holder: b.uuid, term: 2 })
})

test('two that cannot meet, because one knows a higher term: it is put away, and a new one gets everything', async () => {
  pair = await splitPair(BY_A, BY_B)
  const { a, b, volume, bench, vm } = pair
  await Promise.all([a.kill(), b.kill()])
  const unwanted = readFileSync(b.image)
  pair.witness = await bench.serving(0, undefined, join(bench.folder, 'third'))
  pair.claims = bench.connect(pair.witness.port)
  const claim = { vm, term: 1, holder: a.uuid, leaseMs: 1500, lockstep: null, upToDate: { [volume]: [a.uuid] } }
  expect(await pair.claims.compareAndSwap(0, claim)).toMatchObject({ stored: true })
  b.start(pair.specOf(b))
  await b.until('it is the secondary', ({ role }) => role === 'secondary')
  a.start(pair.specOf(a))
  await a.until('it is refused', ({ degraded }) => degraded.includes('TERM'))
  const { volumes, apart } = await a.ask('split', { compare: true })
  expect({ met: volumes[0]?.met, seen: volumes[0]?.seen, apart }).toMatchObject({
    ...{ met: false, seen: null, apart: expect.stringContaining('a higher term is known') as string },
  })
  const [ofA, ofB] = [volumes[0]?.own, (await splitOf(pair, b)).own]
  if (ofA == null || ofB == null) throw new Error('a replica is not open')
  expect(rulesOut(ofA, ofB, false)).toBe('both-wrote-since')

  const { folders } = await b.ask('split-put-away', { volumes: [volume], keep: true })
  expect(readFileSync(join(folders[0] ?? '', 'disk.raw')).equals(unwanted)).toBe(true)
  expect(await b.ended()).toBe('75')
  b.start()
  await pair.untilRedundant(a)
  pair.expectSameBytes()
  // What the claim lists is nobody's to put away.
  await expect(b.ask('split-put-away', { volumes: [volume], keep: true })).rejects.toMatchObject({
    code: 'HOLDFAST_SPLIT_REFUSED',
  })
  expect(await pair.upToDate()).toHaveLength(2)
})
