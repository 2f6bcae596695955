import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { openLogFile } from '../../../lib/dom0/witness/claim-log-file'
import type { ClaimLog } from '../../../lib/ports/claim-log'
import { Malformed } from '../../../lib/wire/shape'
import { KeptLog } from '../../contracts/running-witness'
import { ClaimDisk, type Fault, type Tear, TEARS } from './claim-log-disk'

const FOLDER = '/witness'
const FILE = '/witness/claims.log'
const POOL = '99999999-0000-4000-8000-000000000009'
const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const DISK = volumeKey('dddddddd-0000-4000-8000-000000000001')
const vm = (nth: number) => vmUuid(`eeeeeeee-0000-4000-8000-${String(nth).padStart(12, '0')}`)
const stored = (revision: number, nth: number): ClaimRecord => ({
  ...{ kind: 'stored', pool: POOL, revision },
  claim: { vm: vm(nth), term: 1, holder: HOST, leaseMs: 1500, upToDate: { [DISK]: [HOST] }, lockstep: null },
})
const removed = (revision: number, nth: number): ClaimRecord => ({ kind: 'removed', pool: POOL, revision, vm: vm(nth) })

/** Two claims that stay, one that changes, one that goes; long enough to be rewritten. */
const BATCHES: readonly (readonly ClaimRecord[])[] = [
  [stored(1, 1), stored(2, 2)],
  [stored(3, 3)],
  [stored(4, 2), removed(5, 3)],
  [stored(6, 2)],
  [stored(7, 4)],
  [stored(8, 2), stored(9, 3)],
  [removed(10, 4)],
]
const REWRITE_BYTES = 900

const open = (disk: ClaimDisk): Promise<ClaimLog> => openLogFile(FOLDER, new KeptLog(), REWRITE_BYTES, disk)

/** What is stored after some batches, worked out anew. */
function claimsAfter(batches: readonly (readonly ClaimRecord[])[]): string {
  const live = new Map<string, number>()
  for (const record of batches.flat()) {
    if (record.kind === 'stored') live.set(record.claim.vm, record.revision)
    else live.delete(record.vm)
  }
  return JSON.stringify([...live].sort())
}
const claimsIn = ({ records }: ClaimLog): string =>
  JSON.stringify(records.flatMap((each) => (each.kind === 'stored' ? [[each.claim.vm, each.revision]] : [])).sort())

interface Course {
  /** In the order they were answered `durable`. */
  readonly promised: (readonly ClaimRecord[])[]
  /** Neither promised nor refused: it may be stored or not. */
  unknown: readonly ClaimRecord[] | null
  refused: number
  ended: boolean
}

/** The life of one process, until it is done or the first failure that goes up. */
async function live(disk: ClaimDisk, batches: readonly (readonly ClaimRecord[])[]): Promise<Course> {
  const course: Course = { promised: [], unknown: null, refused: 0, ended: false }
  try {
    const claims = await open(disk)
    for (const batch of batches) {
      course.unknown = batch
      if ((await claims.append(batch)) === 'durable') course.promised.push(batch)
      else course.refused += 1
      course.unknown = null
    }
    await claims.close()
  } catch {
    course.ended = true
  }
  return course
}

async function callsOfALife(): Promise<string[]> {
  const disk = new ClaimDisk()
  expect((await live(disk, BATCHES)).promised).toHaveLength(BATCHES.length)
  return disk.calls
}

/** After the fault: everything promised is there, nothing else is but what is unknown, and the log works on, twice over. */
async function expectKept(disk: ClaimDisk, { promised, unknown }: Course, what: object): Promise<void> {
  const claims = await open(disk)
  const allowed = [claimsAfter(promised), ...(unknown === null ? [] : [claimsAfter([...promised, unknown])])]
  expect({ what, found: allowed.includes(claimsIn(claims)) ? 'kept' : claimsIn(claims), allowed }).toEqual({
    what,
    found: 'kept',
    allowed,
  })
  const before = claims.records
  const more = [stored(20, 9)]
  expect(await claims.append(more)).toBe('durable')
  await claims.close()
  disk.losePower('first half')
  expect(claimsIn(await open(disk))).toBe(claimsAfter([before, more]))
}

test('a life makes every kind of call, so that every kind can fail', async () => {
  const kinds = new Set((await callsOfALife()).map((call) => call.split(' ')[0]))
  expect([...kinds].sort()).toEqual(['close', 'make', 'open', 'read', 'rename', 'sync', 'write'])
  expect((await callsOfALife()).filter((call) => call === 'rename claims.log.new').length).toBe(2)
})

const FAULTS: readonly Fault[] = [
  ...['EIO', 'ENOSPC', 'EDQUOT'].map((code) => ({ kind: 'error', code }) as const),
  ...[0.3, 0.99, 1].flatMap((share) => ['EIO', 'ENOSPC'].map((code) => ({ kind: 'partial', code, share }) as const)),
  { kind: 'dark', when: 'before' },
  { kind: 'dark', when: 'after' },
]
const ENDS: readonly (Tear | 'process')[] = ['process', ...TEARS]

test.each(FAULTS)('%j at any call: what was promised is kept, whether the process or the machine ends then', async (fault) => {
  const calls = await callsOfALife()
  let refused = 0
  for (let at = 1; at <= calls.length; at += 1) {
    for (const end of ENDS) {
      const disk = new ClaimDisk()
      disk.faultAt = at
      disk.fault = fault
      const course = await live(disk, BATCHES)
      refused += course.refused
      if (end !== 'process') disk.losePower(end)
      else if (fault.kind === 'dark') continue
      else disk.restartProcess()
      await expectKept(disk, course, { at, call: calls[at - 1], fault, end })
    }
  }
  const isFull = fault.kind !== 'dark' && fault.code !== 'EIO'
  expect(refused > 0).toBe(isFull)
})

test('a flush that fails ends the process, and the bytes that it left behind are flushed by the next one', async () => {
  const calls = await callsOfALife()
  const flushes = calls.flatMap((call, index) => (call === 'sync claims.log' ? [index + 1] : []))
  expect(flushes.length).toBeGreaterThan(BATCHES.length)
  for (const at of flushes) {
    const disk = new ClaimDisk()
    disk.faultAt = at
    expect(await live(disk, BATCHES)).toMatchObject({ ended: true })
    disk.restartProcess()
    const found = claimsIn(await open(disk))
    disk.losePower('nothing')
    expect({ at, found: claimsIn(await open(disk)) }).toEqual({ at, found })
  }
})

test('a second fault, in the life after the first, loses nothing either', async () => {
  const calls = await callsOfALife()
  for (let at = 1; at <= calls.length; at += 3) {
    for (let again = 1; again <= 8; again += 1) {
      const disk = new ClaimDisk()
      disk.faultAt = at
      const first = await live(disk, BATCHES)
      disk.restartProcess()
      disk.faultAt = again
      disk.fault = { kind: 'dark', when: 'after' }
      const second = await live(disk, [])
      expect(second.promised).toEqual([])
      disk.losePower('nothing')
      await expectKept(disk, first, { at, again })
    }
  }
})

test('cut off at any byte: the head alone is needed, and every whole line is kept', async () => {
  const disk = new ClaimDisk()
  const claims = await openLogFile(FOLDER, new KeptLog(), Infinity, disk)
  const ends = [disk.content(FILE).length]
  for (const batch of BATCHES) {
    await claims.append(batch)
    ends.push(disk.content(FILE).length)
  }
  const bytes = disk.content(FILE)
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const torn = new ClaimDisk()
    torn.put(FILE, bytes.subarray(0, cut))
    const whole = ends.filter((end) => end <= cut).length - 1
    if (whole < 0) await expect(open(torn)).rejects.toBeInstanceOf(Malformed)
    else expect({ cut, found: claimsIn(await open(torn)) }).toEqual({ cut, found: claimsAfter(BATCHES.slice(0, whole)) })
  }
})

test('any byte of the last line wrong: the line is dropped; any byte before it: the log is refused', async () => {
  const disk = new ClaimDisk()
  const claims = await openLogFile(FOLDER, new KeptLog(), Infinity, disk)
  for (const batch of BATCHES.slice(0, 3)) await claims.append(batch)
  const bytes = disk.content(FILE)
  const lastLine = bytes.lastIndexOf(10, bytes.length - 2) + 1
  for (let at = 0; at < bytes.length; at += 1) {
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at)
    const torn = new ClaimDisk()
    torn.put(FILE, damaged)
    if (at < lastLine) await expect(open(torn)).rejects.toBeInstanceOf(Malformed)
    else expect({ at, found: claimsIn(await open(torn)) }).toEqual({ at, found: claimsAfter(BATCHES.slice(0, 2)) })
  }
})
