import { PEER_PROTOCOL } from '../../lib/wire/peer'
import { readFileSync } from 'node:fs'
import { connectPeer } from '../../lib/dom0/peer-link'
import type { Refuse } from '../../lib/ports/peer-connect'
import { KEY_OF_BENCH, POOL } from './witness-process'
import { eventually } from './worker-host'
import { DISK_BYTES, DOMAIN, WorkerPair } from './worker-pair'
import { QuietLog } from './quiet-log'

jest.setTimeout(120_000)

let pair: WorkerPair
afterEach(() => pair.close())

const leaseLeftMs = async (): Promise<number> => (await pair.claims.list())[0]?.leaseLeftMs ?? 0

/** Asked as the daemon does it: again while the primary was heard a moment ago. */
const takeOver = (): Promise<{ term: number }> =>
  eventually('the claim is taken', async () => {
    const answer = await pair.b.ask('take-over', { reason: 'the test killed it' })
    if (answer.taken) return answer
    expect(answer.why).toBe('holder-alive')
    return null
  })

test('seed 21: a dead primary is taken over after its lease, with every acknowledged byte; it returns as secondary', async () => {
  pair = await WorkerPair.redundant(3000)
  const writers = [await pair.writer(pair.a, 0, 21), await pair.writer(pair.a, 1, 22)]
  for (const writer of writers) writer.begin()
  await Promise.all(writers.map((writer) => writer.more(30)))
  await pair.a.kill()
  expect(await leaseLeftMs()).toBeGreaterThan(1000)
  const early: number[] = []
  const taking = takeOver()
  for (let over = false; !over;) {
    const left = await leaseLeftMs()
    const { claim } = await pair.claim()
    over = claim.term > 1
    // Read before the claim was, so it was this long or longer before the swap.
    if (over) early.push(left)
  }
  expect(await taking).toMatchObject({ term: 2 })
  expect((await pair.claim()).claim).toMatchObject({ term: 2, holder: pair.b.uuid, upToDate: { [pair.volume]: [pair.b.uuid] } })
  expect(early).toHaveLength(1)
  for (const writer of writers) writer.check(readFileSync(pair.b.image))

  await pair.attach(pair.b)
  const heir = await pair.writer(pair.b, 0, 23)
  heir.begin()
  await heir.more(20)
  pair.a.start()
  await pair.a.until('the old primary is secondary now', ({ role, claim }) => role === 'secondary' && claim?.claim.term === 2)
  // Paused first where the witness took longer to tell whose the claim is than a tick lasts.
  expect(pair.a.xlCalls.filter((call) => call !== `pause ${DOMAIN}`)).toEqual([`destroy ${DOMAIN}`])
  expect(pair.a.xlCalls.at(-1)).toBe(`destroy ${DOMAIN}`)
  expect(pair.a.spec.attached).toEqual({})
  await pair.untilRedundant(pair.b)
  await heir.more(20)
  await heir.stop()
  heir.check(readFileSync(pair.a.image))
  pair.expectSameBytes()
  expect(await pair.a.ask('attach', { volume: pair.volume, domain: DOMAIN }).catch((error: unknown) => error)).toMatchObject({
    code: 'HOLDFAST_CLAIM_HELD_ELSEWHERE',
  })

  // Its term is spent, whatever an old process of it may still say; and the pair does not care.
  expect(await refusalOf({ term: 1, sizeBytes: DISK_BYTES })).toMatchObject({ code: 'TERM', term: 2 })
  expect(await refusalOf({ term: 2, sizeBytes: DISK_BYTES / 2 })).toMatchObject({ code: 'SIZE' })
  heir.begin()
  await heir.more(10)
  await heir.stop()
  await pair.untilRedundant(pair.b)
  expect(heir.errors).toEqual([])
})

test('seed 24: a primary that stood still, and was taken over meanwhile, answers nothing and stops its VM', async () => {
  pair = await WorkerPair.redundant()
  const writer = await pair.writer(pair.a, 0, 24)
  writer.begin()
  await writer.more(20)
  pair.a.signal('SIGSTOP')
  expect(await takeOver()).toMatchObject({ term: 2 })
  const acknowledged = writer.acknowledged
  const ended = pair.a.ended()
  pair.a.signal('SIGCONT')
  expect(await ended).toBe('75')
  expect(pair.a.xlCalls).toContain(`destroy ${DOMAIN}`)
  // An answer that was on its way when it was stopped; its write is on both sides.
  expect(writer.acknowledged).toBeLessThanOrEqual(acknowledged + 1)
  writer.check(readFileSync(pair.b.image))
  pair.a.start()
  await pair.untilRedundant(pair.b)
  pair.expectSameBytes()
})

test('seed 25: a take-over while the primary lives is refused, and the pair stays redundant', async () => {
  pair = await WorkerPair.redundant()
  const writer = await pair.writer(pair.a, 0, 25)
  writer.begin()
  await writer.more(20)
  const before = await pair.claim()
  for (let nth = 0; nth < 20; nth += 1) {
    expect(await pair.b.ask('take-over', { reason: 'a mistake' })).toEqual({ taken: false, why: 'holder-alive' })
  }
  await writer.more(20)
  await writer.stop()
  expect(await pair.claim()).toEqual(before)
  expect(pair.a.acts('replica-failed')).toEqual([])
  writer.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
})

test('seed 26: unprotected in place while a client writes', async () => {
  pair = await WorkerPair.redundant()
  const writer = await pair.writer(pair.a, 0, 26)
  writer.begin()
  await writer.more(20)
  await pair.a.ask('unprotect', {})
  expect(await pair.claims.read(pair.vm)).toBeNull()
  await writer.more(20)
  await pair.a.until('a mirror of one', ({ role, claim }) => role === 'solo' && claim === null)
  await pair.a.kill()
  pair.a.start()
  await writer.more(20)
  await writer.stop()
  writer.check(readFileSync(pair.a.image))
  expect(pair.a.xlCalls).toEqual([])
})

/** What the secondary on host A says to a primary that it should not serve. */
async function refusalOf({ term, sizeBytes }: { term: number; sizeBytes: number }): Promise<Refuse> {
  const { addresses, port } = pair.addressOf(pair.a)
  return new Promise((resolve, reject) => {
    const endpoint = connectPeer({
      ...{ addresses: addresses.slice(0, 1), port, secret: { pool: POOL, key: KEY_OF_BENCH }, log: new QuietLog() },
      hello: {
        protocol: PEER_PROTOCOL,
        pool: POOL,
        vm: pair.vm,
        host: pair.b.uuid,
        incarnation: 'i',
        term,
        linkId: 9e15,
        volumes: [{ key: pair.volume, sizeBytes }],
      },
      onRefused: (refuse) => void endpoint.close('seen').then(() => resolve(refuse)),
      events: {
        up: () => void endpoint.close('not refused').then(() => reject(new Error('welcomed'))),
        frame: () => undefined,
        down: () => undefined,
      },
    })
  })
}
