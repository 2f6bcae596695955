import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { DISK_BYTES, DOMAIN, WorkerPair } from './worker-pair'
import { eventually } from './worker-host'

jest.setTimeout(120_000)

let pair: WorkerPair
afterEach(() => pair.close())

/** No file of the process may grow, or be written to, beyond this: a disk that fails there, until it is lifted. */
const limitFiles = (pid: number, bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

test('seed 11: the local replica fails under writes: the peer serves; repaired, it is resynced by dirty blocks', async () => {
  pair = await WorkerPair.redundant()
  const writers = [await pair.writer(pair.a, 0, 11), await pair.writer(pair.a, 1, 12)]
  for (const writer of writers) writer.begin()
  await Promise.all(writers.map((writer) => writer.more(20)))
  limitFiles(pair.a.pid, DISK_BYTES / 4)
  await pair.a.until('the local replica has failed', ({ volumes }) => volumes[0]?.localReplica === 'failed')
  await Promise.all(writers.map((writer) => writer.more(40)))
  expect(await pair.upToDate()).toEqual([pair.b.uuid])
  // Reads come from the peer as well: what the local replica never got is read back.
  const [low] = writers
  await low?.stop()
  expect(await readBack(pair, low?.lastWritten)).toMatch(/^read 4096\/4096/)
  low?.begin()
  limitFiles(pair.a.pid, 'unlimited')
  await pair.untilRedundant()
  await Promise.all(writers.map((writer) => writer.more(20)))
  await Promise.all(writers.map((writer) => writer.stop()))
  for (const writer of writers) writer.check(readFileSync(pair.a.image))
  pair.expectSameBytes()
  const local = pair.a.acts('resync-started').filter(({ evidence }) => evidence['host'] === pair.a.uuid)
  expect(local.map(({ rule }) => rule)).toContain('i-tracked-peer')
  expect(local.map(({ rule }) => rule)).not.toContain('peer-is-new')
})

test("seed 13: the peer's replica fails: the primary goes on alone, and resyncs it when it is back", async () => {
  pair = await WorkerPair.redundant()
  const writer = await pair.writer(pair.a, 1, 13)
  writer.begin()
  await writer.more(20)
  limitFiles(pair.b.pid, DISK_BYTES / 4)
  await eventually('the claim lists the primary only', async () => ((await pair.upToDate()).join() === pair.a.uuid ? true : null))
  await writer.more(20)
  limitFiles(pair.b.pid, 'unlimited')
  await pair.untilRedundant()
  await writer.more(20)
  await writer.stop()
  writer.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
})

test('seed 14: the witness alone is lost: a healthy pair does not notice', async () => {
  pair = await WorkerPair.redundant()
  const writer = await pair.writer(pair.a, 0, 14)
  writer.begin()
  await writer.more(20)
  await pair.witness.kill('SIGKILL')
  await pair.a.until('the witness is missed', ({ witnessReachable }) => !witnessReachable)
  // Far longer than a lease, as the worker counts it: it would be over by its own clock.
  const since = performance.now()
  while (performance.now() < since + 2500) await writer.more(5)
  expect(pair.a.acts('guest-frozen')).toEqual([])
  expect(pair.a.xlCalls).toEqual([])
  await pair.restartWitness()
  await pair.a.until('the witness is back', ({ witnessReachable }) => witnessReachable)
  await writer.stop()
  writer.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
})

describe('witness and peer are both gone: the guest waits, and goes on by itself', () => {
  const freeze = async () => {
    pair = await WorkerPair.redundant()
    const writer = await pair.writer(pair.a, 0, 15)
    writer.begin()
    await writer.more(20)
    await pair.witness.kill('SIGKILL')
    pair.b.signal('SIGSTOP')
    await pair.a.until('the guest is frozen', ({ frozen, degraded }) => frozen && degraded.includes('neither'))
    await eventually('its vCPUs are paused', () => Promise.resolve(pair.a.xlCalls.includes(`pause ${DOMAIN}`) ? true : null))
    // Paused before that: what has no vCPUs, like this writer, is still answered until the lease ends.
    await eventually('its disks wait', () => Promise.resolve(pair.a.acts('guest-frozen').length > 0 || null))
    await eventually('a request waits', () => Promise.resolve(writer.isWaiting || null))
    const frozenAt = writer.acknowledged
    return { writer, frozenAt }
  }
  const goesOn = async ({ writer, frozenAt }: Awaited<ReturnType<typeof freeze>>) => {
    // One answer may have been on its way when the guest froze.
    expect(writer.acknowledged).toBeLessThanOrEqual(frozenAt + 1)
    await pair.a.until('the guest goes on', ({ frozen }) => !frozen)
    await writer.more(20)
    expect(pair.a.xlCalls.filter((call) => call.startsWith('unpause'))).toEqual([`unpause ${DOMAIN}`])
    expect(pair.a.acts('guest-released')).toHaveLength(1)
  }
  const ends = async ({ writer }: Awaited<ReturnType<typeof freeze>>) => {
    await pair.untilRedundant()
    await writer.more(20)
    await writer.stop()
    writer.check(readFileSync(pair.b.image))
    pair.expectSameBytes()
    expect(pair.a.xlCalls).toEqual([`pause ${DOMAIN}`, `unpause ${DOMAIN}`])
  }

  test('seed 15: when the witness is back', async () => {
    const frozen = await freeze()
    const going = goesOn(frozen)
    await pair.restartWitness()
    await going
    expect(await pair.upToDate()).toEqual([pair.a.uuid])
    pair.b.signal('SIGCONT')
    await ends(frozen)
  })

  test('seed 15: when the peer is back', async () => {
    const frozen = await freeze()
    const going = goesOn(frozen)
    pair.b.signal('SIGCONT')
    await going
    await pair.restartWitness()
    await ends(frozen)
  })
})

test('a guest that is paused when its worker dies goes on when the next worker has the lease', async () => {
  pair = await WorkerPair.redundant()
  await pair.witness.kill('SIGKILL')
  pair.b.signal('SIGSTOP')
  await eventually('it is paused', () => Promise.resolve(pair.a.xlCalls.includes(`pause ${DOMAIN}`) || null))
  await pair.a.kill()
  pair.a.start()
  await pair.restartWitness()
  await pair.a.until('the lease is confirmed', ({ role, frozen }) => role === 'primary' && !frozen)
  await eventually('it goes on', () => Promise.resolve(pair.a.xlCalls.at(-1) === `unpause ${DOMAIN}` || null))
  expect(pair.a.xlCalls).toEqual([`pause ${DOMAIN}`, `unpause ${DOMAIN}`])
  pair.b.signal('SIGCONT')
  await pair.untilRedundant()
})

/** Another client of the same disk reads what the first one wrote last. */
async function readBack(of: WorkerPair, written: { at: number; pattern: number } | undefined | null): Promise<string> {
  if (written === undefined || written === null) throw new Error('nothing was written')
  const reader = await of.writer(of.a, 0, 0)
  return reader.command(`read -P ${written.pattern} ${written.at} 4096`)
}
