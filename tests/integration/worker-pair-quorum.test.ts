import { readFileSync } from 'node:fs'
import type { DiskWriter } from './disk-writer'
import { eventually } from './worker-host'
import { DOMAIN, WorkerPair } from './worker-pair'

jest.setTimeout(120_000)

let pair: WorkerPair
let writer: DiskWriter
afterEach(() => pair.close())

/** The holder loses the peer and the witness in one moment. */
async function aloneWith(changes: Parameters<WorkerPair['specOf']>[1], seed: number): Promise<void> {
  pair = await WorkerPair.make()
  pair.b.start(pair.specOf(pair.b))
  pair.a.start(pair.specOf(pair.a, changes))
  await pair.untilRedundant()
  await pair.attach(pair.a)
  writer = await pair.writer(pair.a, 0, seed)
  writer.begin()
  await writer.more(20)
  await Promise.all([pair.witness.kill('SIGKILL'), pair.b.kill()])
}

const acts = (): string[] => pair.a.timeline.map(({ act }) => act)
const happened = (act: string): Promise<true> => eventually(act, () => Promise.resolve(acts().includes(act) || null))

test('seed 41, stop: the guest is ended with its lease, and another one may come when the claim is confirmed', async () => {
  await aloneWith({ withoutQuorum: 'stop' }, 41)
  await happened('guest-stopped')
  await eventually('it is destroyed', () => Promise.resolve(pair.a.xlCalls.includes(`destroy ${DOMAIN}`) || null))
  const { acknowledged } = writer
  await pair.a.until('it says that it waits', ({ degraded }) => degraded.includes('neither the peer nor the witness'))
  expect(writer.acknowledged).toBe(acknowledged)
  await pair.restartWitness()
  pair.b.start()
  await writer.more(20)
  await pair.a.ask('deactivate', { volume: pair.volume, domain: DOMAIN })
  await pair.a.ask('activate', { volume: pair.volume, domain: '8' })
  await pair.a.until('the next one runs', ({ frozen, guestActive }) => !frozen && guestActive)
  await pair.untilRedundant()
  await writer.stop()
  writer.check(readFileSync(pair.b.image))
  expect(pair.a.xlCalls.filter((call) => call.startsWith('destroy'))).toEqual([`destroy ${DOMAIN}`])
})

test('seed 42, continue: the preferred survivor goes on alone, says what that risks, and its peer gets all of it later', async () => {
  await aloneWith({ withoutQuorum: 'continue', isPreferredSurvivor: true }, 42)
  await happened('guest-continues')
  await writer.more(50)
  expect((await pair.a.until('it says so', ({ frozen }) => !frozen)).degraded).toContain('two histories')
  expect(acts().filter((act) => /^(?:guest|replica-left)/.test(act))).toEqual([
    ...['guest-paused', 'guest-frozen', 'replica-left-claim', 'guest-continues'],
  ])
  expect(pair.a.acts('replica-left-claim')).toMatchObject([{ rule: 'without-quorum' }])
  await eventually('the guest runs', () => Promise.resolve(pair.a.xlCalls.at(-1) === `unpause ${DOMAIN}` || null))
  await pair.restartWitness()
  await happened('guest-released')
  pair.b.start()
  await writer.more(20)
  await pair.untilRedundant()
  await writer.stop()
  for (const image of [pair.a.image, pair.b.image]) writer.check(readFileSync(image))
  pair.expectSameBytes()
})

test('seed 43, continue: one that is not preferred waits', async () => {
  await aloneWith({ withoutQuorum: 'continue' }, 43)
  await happened('guest-frozen')
  const { acknowledged } = writer
  // Longer than a preferred one is patient.
  await new Promise((resolve) => setTimeout(resolve, 5000))
  expect(acts()).not.toContain('guest-continues')
  expect(writer.acknowledged).toBe(acknowledged)
  await pair.restartWitness()
  await writer.more(20)
  await writer.stop()
})
