import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { ClaimLogUnusable, openClaimLog } from '../../../lib/dom0/witness/claim-log'
import type { ClaimLog } from '../../../lib/ports/claim-log'
import { KeptLog } from '../../contracts/running-witness'
import { Dice } from '../../world/prng'

// Each opening runs flock(1).
jest.setTimeout(60_000)

const POOL = '99999999-0000-4000-8000-000000000009'
const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const vm = (nth: number) => vmUuid(`eeeeeeee-0000-4000-8000-${String(nth).padStart(12, '0')}`)
const upToDate = { [volumeKey('dddddddd-0000-4000-8000-000000000001')]: [A] }
const stored = (revision: number, nth: number): ClaimRecord => ({
  kind: 'stored',
  pool: POOL,
  revision,
  claim: { vm: vm(nth), term: 1, holder: A, leaseMs: 1500, upToDate, lockstep: null },
})
const removed = (revision: number, nth: number): ClaimRecord => ({ kind: 'removed', pool: POOL, revision, vm: vm(nth) })

let directory = ''
let file = ''
let log = new KeptLog()
const open: ClaimLog[] = []
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-claims-'))
  file = join(directory, 'claims.log')
  log = new KeptLog()
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((claims) => claims.close()))
  rmSync(directory, { recursive: true })
})

async function opened(rewriteBytes?: number): Promise<ClaimLog> {
  const claims = await openClaimLog(directory, log, rewriteBytes)
  open.push(claims)
  return claims
}
async function reopened(rewriteBytes?: number): Promise<ClaimLog> {
  await Promise.all(open.splice(0).map((claims) => claims.close()))
  return opened(rewriteBytes)
}
async function refusal(): Promise<ClaimLogUnusable> {
  await Promise.all(open.splice(0).map((claims) => claims.close()))
  try {
    await openClaimLog(directory, log)
  } catch (error) {
    if (error instanceof ClaimLogUnusable) return error
    throw error
  }
  throw new Error('it opened')
}

test('what was appended is there again, what was removed is not, and revisions are remembered', async () => {
  const first = await opened()
  expect({ records: first.records, revision: first.revision }).toEqual({ records: [], revision: 0 })
  expect(await first.append([stored(1, 1), stored(2, 2)])).toBe('durable')
  expect(await first.append([removed(3, 1), stored(4, 3), removed(5, 3)])).toBe('durable')
  const second = await reopened()
  expect(second.records).toEqual([stored(2, 2)])
  expect(second.revision).toBe(5)
  expect(second.witness).toBe(first.witness)
  expect(statSync(file).mode & 0o077).toBe(0)
})

test('a last write that was cut off anywhere is dropped with a warning; what came before stays, and writing goes on', async () => {
  const claims = await opened()
  await claims.append([stored(1, 1)])
  const whole = statSync(file).size
  await claims.append([stored(2, 2), stored(3, 3)])
  const bytes = readFileSync(file)
  for (let cut = whole + 1; cut < bytes.length; cut += 7) {
    await Promise.all(open.splice(0).map((each) => each.close()))
    writeFileSync(file, bytes.subarray(0, cut))
    log.lines.length = 0
    const again = await opened()
    expect({ cut, records: again.records }).toEqual({ cut, records: [stored(1, 1)] })
    expect(log.lines.join()).toContain('unfinished end')
    expect(statSync(file).size).toBe(whole)
    await again.append([stored(2, 4)])
    expect((await reopened()).records).toEqual([stored(1, 1), stored(2, 4)])
  }
})

test('a last write of which only some pages reached the disk is dropped too', async () => {
  const claims = await opened()
  await claims.append([stored(1, 1)])
  const whole = statSync(file).size
  await claims.append([stored(2, 2), stored(3, 3)])
  const bytes = readFileSync(file)
  bytes.fill(0, whole + 10, whole + 50)
  writeFileSync(file, bytes)
  expect((await reopened()).records).toEqual([stored(1, 1)])
})

test('damage anywhere before the last line is refused, with the place and what to do', async () => {
  const claims = await opened()
  for (const nth of [1, 2, 3]) await claims.append([stored(nth, nth)])
  const bytes = readFileSync(file)
  const lastLine = bytes.lastIndexOf(10, bytes.length - 2) + 1
  for (let at = 0; at < lastLine; at += 11) {
    const damaged = Buffer.from(bytes)
    damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at)
    writeFileSync(file, damaged)
    const error = await refusal()
    expect({ at, why: error.why }).toEqual({ at, why: 'damaged' })
    expect(error.message).toMatch(/claims\.log: line \d+.*damaged.*Restore it/)
  }
  const lines = bytes.toString().split('\n')
  writeFileSync(file, lines.filter((_, index) => index !== 1).join('\n'))
  expect((await refusal()).why).toBe('damaged')
  writeFileSync(file, '')
  expect((await refusal()).why).toBe('damaged')
  writeFileSync(file, bytes)
  expect((await reopened()).records).toHaveLength(3)
})

test('a log of a later format is refused in words', async () => {
  await opened()
  const json = '{"head":{"format":2,"witness":"w","revision":0}}'
  writeFileSync(file, `${createHash('sha256').update(json).digest('hex').slice(0, 16)} ${json}\n`)
  expect((await refusal()).message).toContain('reads format 1')
})

test('seeds 1 to 5: a log that is rewritten all the time holds the same as one that never is', async () => {
  for (let seed = 1; seed <= 5; seed += 1) {
    const dice = new Dice(seed)
    const live = new Map<string, ClaimRecord>()
    rmSync(file, { force: true })
    let claims = await reopened(600)
    let largest = 0
    for (let revision = 1; revision <= 80; revision += 1) {
      const nth = dice.below(4)
      const record = dice.chance(0.3) ? removed(revision, nth) : stored(revision, nth)
      await claims.append([record])
      if (record.kind === 'stored') live.set(vm(nth), record)
      else live.delete(vm(nth))
      largest = Math.max(largest, statSync(file).size)
      if (dice.chance(0.1)) claims = await reopened(600)
    }
    const again = await reopened()
    const sorted = (records: Iterable<ClaimRecord>) => [...records].sort((one, other) => one.revision - other.revision)
    expect({ seed, records: sorted(again.records), revision: again.revision }).toEqual({
      ...{ seed, records: sorted(live.values()), revision: 80 },
    })
    expect(largest).toBeLessThan(10_000)
    expect(readdirSync(directory).sort()).toEqual(['claims.log', 'lock'])
  }
})

test('a directory in use is refused, with the process that uses it; afterwards it is free', async () => {
  const first = await opened()
  await expect(openClaimLog(directory, log)).rejects.toMatchObject({
    why: 'in-use',
    message: `${directory} is used by another witness (process ${process.pid})`,
  })
  await first.append([stored(1, 1)])
  expect((await reopened()).records).toHaveLength(1)
})

test('what is not a directory is refused in words', async () => {
  const plain = join(directory, 'plain')
  writeFileSync(plain, '')
  await expect(openClaimLog(plain, log)).rejects.toMatchObject({ why: 'unwritable' })
})
