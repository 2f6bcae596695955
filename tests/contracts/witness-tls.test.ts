import { WitnessUnreachable } from '../../lib/ports/witness'
import { eventually } from '../integration/worker-host'
import { HeldRoad } from './held-road'
import { RunningWitness } from './running-witness'
import { A, claimBy, witnessPortContract, type WitnessUnderTest } from './witness-port'

let witness: RunningWitness
let ports: WitnessUnderTest
beforeAll(async () => {
  witness = await RunningWitness.start()
  const road = await HeldRoad.to(witness.port)
  const far = witness.connect({ address: `127.0.0.1:${road.port}`, deadlineMs: 5000, client: 'far' })
  ports = { mine: witness.connect(), theirs: witness.connect(), far, road }
})
afterAll(async () => {
  await witness.stop()
  await ports.road.close()
})

witnessPortContract('holdfast witness', () => ports)

/** Without this the contract's case of a late change would pass whatever the witness does. */
test('a change that is held on the road arrives in the end, and counts for all but the client that asked again', async () => {
  const { mine, road } = ports
  const gone = witness.connect({ address: `127.0.0.1:${road.port}`, client: 'gone' })
  const first = claimBy(A)
  const answer = await gone.compareAndSwap(0, first)
  if (!answer.stored) throw new Error(answer.why)
  road.hold()
  const lost = expect(gone.compareAndSwap(answer.revision, { ...first, leaseMs: 70_000 })).rejects.toThrow(WitnessUnreachable)
  await eventually('it is held', () => Promise.resolve(road.heldBytes > 0 || null))
  gone.close()
  await lost
  expect((await mine.read(first.vm))?.revision).toBe(answer.revision)
  await road.release()
  expect((await mine.read(first.vm))?.claim.leaseMs).toBe(70_000)
})
