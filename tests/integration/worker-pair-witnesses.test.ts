import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Claim } from '../../lib/core/domain/claim'
import type { WitnessClient } from '../../lib/dom0/witness/witness-client'
import type { WitnessProcess } from './witness-process'
import { eventually, type WorkerHost } from './worker-host'
import { WorkerPair } from './worker-pair'

jest.setTimeout(180_000)

let pair: WorkerPair
let second: WitnessProcess
let there: WitnessClient
afterEach(() => pair.close())

/** Both workers run with two witnesses, of which `pair.witness` is the preferred one. */
async function redundant(): Promise<void> {
  pair = await WorkerPair.make()
  second = await pair.bench.serving(0, undefined, join(pair.bench.folder, 'second'))
  there = pair.bench.connect(second.port)
  const alternateWitness = `127.0.0.1:${second.port}`
  for (const host of [pair.b, pair.a]) host.start(pair.specOf(host, { alternateWitness }))
  await pair.untilRedundant()
  await pair.attach(pair.a)
}

const claimAt = async (witness: WitnessClient): Promise<Claim | undefined> => (await witness.read(pair.vm))?.claim
const decidedAt = (witness: WitnessClient, generation: number): Promise<Claim> =>
  eventually(`decision ${generation}`, async () => {
    const claim = await claimAt(witness)
    return claim?.decided?.generation === generation ? claim : null
  })
const decides = (host: WorkerHost, which: string): Promise<unknown> =>
  host.until(`the ${which} one decides`, ({ decidedBy }) => decidedBy === which)

test('seed 31: the preferred witness dies under writing, then the primary; nothing is lost, and it comes back', async () => {
  await redundant()
  const writer = await pair.writer(pair.a, 0, 31)
  writer.begin()
  await writer.more(20)
  expect(await claimAt(pair.claims)).not.toHaveProperty('decided')
  expect(await claimAt(there)).toBeUndefined()

  await pair.witness.kill('SIGKILL')
  const carried = await decidedAt(there, 1)
  expect(carried).toMatchObject({ term: 1, holder: pair.a.uuid, upToDate: { [pair.volume]: [pair.a.uuid, pair.b.uuid] } })
  await Promise.all([pair.a, pair.b].map((host) => decides(host, 'alternate')))
  await writer.more(30)
  expect(await pair.a.ask('status', {})).toMatchObject({ degraded: '', frozen: false, witnessReachable: true })
  expect(pair.a.xlCalls).toEqual([])
  for (const act of ['guest-paused', 'guest-frozen', 'replica-failed']) expect(pair.a.acts(act)).toEqual([])
  expect(pair.a.acts('switch-decided')).toMatchObject([{ evidence: { generation: 1, witness: 'alternate' } }])

  // The preferred one is back with its old claim, which moves nobody; and the holder's host dies.
  await pair.restartWitness()
  await pair.a.kill()
  const taken = await eventually('the claim is taken', async () => {
    const answer = await pair.b.ask('take-over', { reason: 'the test killed it' })
    return answer.taken ? answer : null
  })
  expect(taken).toMatchObject({ term: 2 })
  writer.check(readFileSync(pair.b.image))
  expect(await claimAt(there)).toMatchObject({ term: 2, holder: pair.b.uuid, decided: { generation: 1 } })
  expect(await claimAt(pair.claims)).toMatchObject({ term: 1, holder: pair.a.uuid })

  await pair.attach(pair.b)
  const heir = await pair.writer(pair.b, 0, 32)
  heir.begin()
  await heir.more(20)
  pair.a.start()
  await pair.a.until('the old primary is secondary now', ({ role, claim }) => role === 'secondary' && claim?.claim.term === 2)
  const back = await decidedAt(pair.claims, 2)
  expect(back).toMatchObject({ term: 2, holder: pair.b.uuid })
  await Promise.all([pair.a, pair.b].map((host) => decides(host, 'preferred')))
  await pair.untilRedundant(pair.b)
  await heir.more(20)
  await heir.stop()
  expect(heir.errors).toEqual([])
  for (const { image } of [pair.a, pair.b]) heir.check(readFileSync(image))
  pair.expectSameBytes()

  // Both have a record of the claim now, and neither has one when it is given up.
  await pair.b.ask('unprotect', {})
  expect([await claimAt(pair.claims), await claimAt(there)]).toEqual([undefined, undefined])
  expect(existsSync(join(pair.b.folder, 'claims', `${pair.vm}.json`))).toBe(false)
})
