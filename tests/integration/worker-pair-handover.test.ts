import { readFileSync } from 'node:fs'
import { hostUuid } from '../../lib/core/domain/ids'
import { eventually } from './worker-host'
import { DOMAIN, WorkerPair } from './worker-pair'

jest.setTimeout(120_000)

const ANOTHER = hostUuid('cccccccc-0000-4000-8000-000000000001')

let pair: WorkerPair
afterEach(() => pair.close())

const giveBack = async (): Promise<void> => {
  await pair.a.ask('deactivate', { volume: pair.volume, domain: DOMAIN })
  await pair.a.ask('detach', { volume: pair.volume, domain: DOMAIN })
}

/** What a hand-over must not look like. */
const alarms = (): string[] =>
  [...pair.a.timeline, ...pair.b.timeline].map(({ act }) => act).filter((act) => /^guest-|claim-lost|refused|left/.test(act))

test('seed 31: the claim is handed over when no guest is there; the peer serves all of it, and this host follows', async () => {
  pair = await WorkerPair.redundant()
  const to = pair.b.uuid
  const writer = await pair.writer(pair.a, 0, 31)
  writer.begin()
  await writer.more(30)
  expect(await pair.a.ask('hand-over', { to })).toEqual({ handedOver: false, why: 'guest-active' })
  await writer.more(10)
  await writer.stop()
  await giveBack()
  expect(await pair.a.ask('hand-over', { to: ANOTHER })).toEqual({ handedOver: false, why: 'not-the-peer' })
  expect(await pair.a.ask('hand-over', { to: pair.a.uuid })).toEqual({ handedOver: false, why: 'not-the-peer' })
  expect(await pair.b.ask('hand-over', { to })).toEqual({ handedOver: false, why: 'not-holder' })

  const ended = pair.a.ended()
  expect(await pair.a.ask('hand-over', { to })).toEqual({ handedOver: true, term: 2 })
  await eventually('the peer knows', async () => {
    const answer = await pair.b.ask('take-over', { reason: 'the claim was handed over' })
    return answer.taken ? answer : null
  })
  expect((await pair.claim()).claim).toMatchObject({ term: 2, holder: to })
  expect(await pair.upToDate()).toHaveLength(2)
  expect(await ended).toBe('75')
  pair.a.start()
  await pair.a.until('it follows', ({ role }) => role === 'secondary')
  expect(await pair.a.ask('hand-over', { to })).toEqual({ handedOver: true, term: 2 })

  await pair.attach(pair.b)
  const heir = await pair.writer(pair.b, 1, 32)
  heir.begin()
  await heir.more(20)
  await pair.untilRedundant(pair.b)
  await heir.stop()
  for (const image of [pair.a.image, pair.b.image]) for (const each of [writer, heir]) each.check(readFileSync(image))
  expect(pair.a.acts('claim-handed-over')).toMatchObject([{ rule: 'asked-for', evidence: { holder: to, term: 1 } }])
  expect(alarms()).toEqual([])
  expect(pair.a.xlCalls).toEqual([])
})

test('seed 33: a hand-over that the witness does not store leaves everything as it was', async () => {
  pair = await WorkerPair.redundant()
  await giveBack()
  // What was sent dies with it: a swap that waits for a connection would be stored by the next one.
  await pair.witness.freeze()
  const asked = pair.a.ask('hand-over', { to: pair.b.uuid })
  await pair.a.until('nothing is answered meanwhile', ({ frozen }) => frozen)
  const attached = pair.attach(pair.a)
  await pair.witness.kill('SIGKILL')
  await pair.restartWitness()
  expect(await asked).toEqual({ handedOver: false, why: 'swap-refused' })
  await attached
  await pair.a.until('it serves', ({ frozen }) => !frozen)
  const writer = await pair.writer(pair.a, 0, 33)
  writer.begin()
  await writer.more(20)
  await writer.stop()
  expect((await pair.claim()).claim).toMatchObject({ term: 1, holder: pair.a.uuid })
  expect(alarms()).toEqual([])
})
