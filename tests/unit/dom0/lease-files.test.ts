import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { leaseFolder, leaseNotes } from '../../../lib/dom0/fence/lease-files'
import { leaseJson, leaseOf } from '../../../lib/dom0/fence/lease-file-note'
import { RECORD_BYTES, recordBytes, recordJson } from '../../../lib/dom0/fence/lease-file-record'
import { startedTicks } from '../../../lib/dom0/process/process-identity'
import { systemClock } from '../../../lib/dom0/system/system-clock'
import { KeptLog } from '../../contracts/running-witness'
import { Dice } from '../../world/prng'

const ID = 'eeeeeeee-0000-4000-8000-000000000001'
const PAUSE = { then: 'pause', pauseWithinMs: 0, isPaused: false } as const
const OTHER = 'eeeeeeee-0000-4000-8000-000000000002'
let folder = ''
let log: KeptLog
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-leases-'))
  log = new KeptLog()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const notesOf = (id: string) => leaseNotes({ folder, id, clock: systemClock, log })
const path = (id = ID) => join(folder, id)

describe('what one tells, the other reads', () => {
  test('with who told it, and when', () => {
    const before = systemClock.nowMs()
    notesOf(ID).tell({ domids: ['7', '12'], untilMs: before + 1234.5, ...PAUSE })
    notesOf(OTHER).tell({ domids: [], untilMs: null, ...PAUSE, then: 'destroy' })
    const read = leaseFolder(folder, log).read()
    expect(read).toHaveLength(2)
    const mine = read.find(({ id }) => id === ID)
    expect(mine).toMatchObject({ domids: ['7', '12'], untilMs: before + 1234.5, ...PAUSE, pid: process.pid })
    expect(mine?.startedTicks).toBe(startedTicks(process.pid))
    expect(mine?.toldAtMs).toBeGreaterThanOrEqual(before)
  })
  test('each later one takes the place of the one before, in the same file', () => {
    const notes = notesOf(ID)
    const leases = leaseFolder(folder, log)
    for (let untilMs = 1; untilMs < 100; untilMs += 1) {
      notes.tell({ domids: ['7'], untilMs, ...PAUSE })
      expect(leases.read().map((note) => note.untilMs)).toEqual([untilMs])
    }
  })
  test('until it is forgotten', () => {
    const leases = leaseFolder(folder, log)
    const notes = notesOf(ID)
    notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })
    expect(leases.read()).toHaveLength(1)
    notes.forget()
    notes.forget()
    expect(leases.read()).toEqual([])
  })
  test('also after somebody removed the file, or the whole folder', () => {
    const notes = notesOf(ID)
    const leases = leaseFolder(folder, log)
    notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })
    rmSync(path())
    notes.tell({ domids: ['7'], untilMs: 2, ...PAUSE })
    expect(leases.read().map(({ untilMs }) => untilMs)).toEqual([2])
    rmSync(folder, { recursive: true })
    expect(leases.read().map(({ untilMs }) => untilMs)).toEqual([2])
    notes.tell({ domids: ['7'], untilMs: 3, ...PAUSE })
    expect(leases.read().map(({ untilMs }) => untilMs)).toEqual([3])
  })
})

describe('a damaged file', () => {
  const untilMsAfter = (damage: (bytes: Buffer) => Buffer): (number | null)[] => {
    notesOf(ID).tell({ domids: ['7'], untilMs: 1, ...PAUSE })
    const leases = leaseFolder(folder, log)
    leases.read()
    writeFileSync(path(), damage(readFileSync(path())))
    return leases.read().map(({ untilMs }) => untilMs)
  }
  test.each<[string, (bytes: Buffer) => Buffer]>([
    ['torn', (bytes) => Buffer.concat([recordBytes(leaseJson(aLease(2))).subarray(0, 30), bytes.subarray(30)])],
    ['cut short', (bytes) => bytes.subarray(0, 100)],
    ['empty', () => Buffer.alloc(0)],
    ['too long', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
    ['whole, but no lease', () => recordBytes('{"untilMs":2}')],
    ['whole, but no JSON', () => recordBytes('lease')],
    ['zeros', () => Buffer.alloc(RECORD_BYTES)],
  ])('%s counts as it last was, and is told', (_, damage) => {
    expect(untilMsAfter(damage)).toEqual([1])
    expect(log.lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1)
  })
  test('that never was whole is told, and is no lease', () => {
    writeFileSync(path(), 'nonsense')
    expect(leaseFolder(folder, log).read()).toEqual([])
    expect(log.lines.some((line) => line.includes(ID))).toBe(true)
  })
  test("names that are no worker's are nothing", () => {
    writeFileSync(join(folder, 'watchdog'), 'x')
    writeFileSync(join(folder, `${ID}.new`), 'x')
    expect(leaseFolder(folder, log).read()).toEqual([])
    expect(log.lines).toEqual([])
  })
})

describe('a pause by the watchdog', () => {
  test('is told to the worker once it is done, and as long as it is under way', () => {
    const [notes, leases] = [notesOf(ID), leaseFolder(folder, log)]
    const tell = () => notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })
    expect(tell()).toBe(false)
    leases.paused(ID, 'under-way')
    expect([tell(), tell()]).toEqual([true, true])
    leases.paused(ID, 'done')
    expect([tell(), tell()]).toEqual([true, false])
  })
  test('that a dead watchdog left under way is done', () => {
    leaseFolder(folder, log).paused(ID, 'under-way')
    leaseFolder(folder, log)
    const notes = notesOf(ID)
    expect(notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })).toBe(true)
    expect(notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })).toBe(false)
  })
  test('of a guest that ended is forgotten', () => {
    const [notes, leases] = [notesOf(ID), leaseFolder(folder, log)]
    leases.paused(ID, 'done')
    notes.forget()
    expect(notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })).toBe(false)
  })
})

describe('what cannot be written', () => {
  test('is told until it can, and the last note stands', () => {
    const notes = notesOf(ID)
    notes.tell({ domids: ['7'], untilMs: 1, ...PAUSE })
    expect(notes.tell({ domids: ['-h'], untilMs: 2, ...PAUSE })).toBe(false)
    expect(notes.trouble).toContain('a domid is none')
    expect(
      leaseFolder(folder, log)
        .read()
        .map(({ untilMs }) => untilMs),
    ).toEqual([1])
    notes.tell({ domids: ['7'], untilMs: 3, ...PAUSE })
    expect(notes.trouble).toBe('')
  })
  test('because there is no folder and cannot be one', () => {
    const notes = leaseNotes({ folder: '/proc/leases', id: ID, clock: systemClock, log })
    expect(notes.tell({ domids: [], untilMs: 1, ...PAUSE })).toBe(false)
    expect(notes.trouble).toContain('/proc/leases')
  })
})

const aLease = (untilMs: number) => ({
  ...{ id: ID, pid: 2, startedTicks: 3, domids: ['7'], untilMs, ...PAUSE, toldAtMs: 4 },
})

test.each([
  { pid: 1 },
  { pid: -1 },
  { pid: 2.5 },
  { startedTicks: '3' },
  { domids: ['0'] },
  { domids: ['00'] },
  { domids: ['Domain-0'] },
  { domids: ['-h'] },
  { domids: ['7; reboot'] },
  { domids: [''] },
  { domids: [7] },
  { domids: Array(17).fill('7') },
  { untilMs: -1 },
  { untilMs: '1' },
  { untilMs: undefined },
  { then: 'nothing' },
  { toldAtMs: null },
])('%j is no lease', (changes) => {
  expect(() => leaseOf(ID, JSON.stringify({ ...aLease(1), ...changes }))).toThrow(/./)
})

test('the largest note fits, and every bit of a record is guarded', () => {
  const largest = {
    ...aLease(1e15 / 7),
    domids: Array<string>(16).fill('d'.repeat(40)),
    pid: 2 ** 22,
    startedTicks: Number.MAX_SAFE_INTEGER,
  }
  const bytes = recordBytes(leaseJson(largest))
  expect(bytes).toHaveLength(RECORD_BYTES)
  expect(leaseOf(ID, recordJson(bytes) ?? '')).toEqual(largest)
  const small = recordBytes(leaseJson(aLease(1)))
  const text = small.toString().trimEnd().length
  for (let bit = 0; bit < text * 8; bit += 1) {
    const changed = Buffer.from(small)
    changed.writeUInt8(changed.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    expect({ bit, json: recordJson(changed) }).toEqual({ bit, json: null })
  }
})

test('seeds 1 to 300: garbage is no record', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const dice = new Dice(seed)
    expect({ seed, json: recordJson(dice.bytes(dice.chance(0.5) ? RECORD_BYTES : dice.below(2 * RECORD_BYTES))) }).toEqual({
      seed,
      json: null,
    })
  }
})
