import { turnsOutToHold } from '../../../../lib/daemon/worker/claim/unknown-claim'
import { Worker } from '../../../../lib/daemon/worker/worker'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import type { PeerEndpoint } from '../../../../lib/ports/peer-connect'
import { A } from '../../../contracts/witness-port'
import { SecondaryScene, type TestLink } from './secondary-scene'

let scene: SecondaryScene
let worker: Worker
let renewals: number
beforeEach(async () => {
  scene = new SecondaryScene()
  await scene.inStep()
  await scene.secondary.close()
  renewals = 0
  const endpoint: PeerEndpoint = { port: 1, close: () => Promise.resolve() }
  const renew = (): Promise<{ renewed: true }> => {
    renewals++
    return scene.witnessAnswers ? Promise.resolve({ renewed: true }) : new Promise(() => undefined)
  }
  const parts: WorkerParts = {
    ...scene.parts,
    witness: { ...scene.parts.witness, renew },
    dialPeer: () => endpoint,
    newLinkId: () => 1,
  }
  worker = new Worker(scene.spec, parts, () => undefined)
  await worker.start()
  // Nobody is promised anything.
  scene.nowMs += 10_000
})
afterEach(async () => {
  await worker.stop()
  await scene.close()
})

const UNKNOWN = { taken: false, why: 'witness-silent', mayHold: true }

test('a claim that was taken without an answer is found out, and the role goes with it', async () => {
  scene.swallowsSwapsForMs = 7000
  expect(await worker.handlers['take-over']({ reason: 'the test' })).toEqual(UNKNOWN)
  expect(worker.status()).toMatchObject({ role: 'secondary' })
  scene.witnessAnswers = true
  await scene.until('it is the primary', () => worker.status().role === 'primary')
  expect(worker.status().claim?.claim).toMatchObject({ term: 2, holder: scene.spec.host })
  await scene.until('it renews its lease', () => renewals > 0)
  expect(scene.acts.filter((act) => act === 'claim-swapped')).toHaveLength(1)
  expect(await worker.handlers['take-over']({ reason: 'again' })).toEqual({ taken: true, term: 2 })
})

test('one that the old holder still has leaves it secondary, and is asked about no more', async () => {
  const { stored } = scene
  scene.swallowsSwapsForMs = 7000
  expect(await worker.handlers['take-over']({ reason: 'the test' })).toEqual(UNKNOWN)
  scene.stored = { ...stored, claim: { ...stored.claim, holder: A } }
  const { reads } = scene
  scene.witnessAnswers = true
  await scene.until('it is read', () => scene.reads > reads)
  expect(worker.status().role).toBe('secondary')

  scene.secondary.mayHold = true
  expect(await turnsOutToHold(scene.secondary, scene.spec.host, scene.parts, () => false)).toBe(false)
  expect(scene.secondary.mayHold).toBe(false)
})

test('nobody is promised anything while the claim may be here: the next process would not know of it', async () => {
  await scene.again()
  await scene.secondary.open()
  const link = scene.link('a')
  const pongs = (of: TestLink): number => of.sent.filter(({ type }) => type === 'pong').length
  const ping = (id: number): void => scene.frame(link, { type: 'ping', id, term: 1, guestActive: true })
  await scene.until('it serves', () => link.present.length === 2)
  ping(1)
  await scene.until('it promises', () => pongs(link) === 1)
  const promisedAtMs = scene.secondary.rules.lastPromiseMs

  scene.secondary.mayHold = true
  scene.nowMs += 100
  ping(2)
  expect({ pongs: pongs(link), promisedAtMs: scene.secondary.rules.lastPromiseMs }).toEqual({ pongs: 1, promisedAtMs })
  expect(scene.secondary.rules.lastHeardMs).toBe(scene.nowMs)

  scene.secondary.mayHold = false
  ping(3)
  expect({ pongs: pongs(link), promisedAtMs: scene.secondary.rules.lastPromiseMs }).toEqual({
    pongs: 2,
    promisedAtMs: scene.nowMs,
  })
})
