import { RunningWitness } from './running-witness'
import { witnessPortContract, type WitnessUnderTest } from './witness-port'

let witness: RunningWitness
let pair: WitnessUnderTest
beforeAll(async () => {
  witness = await RunningWitness.start()
  pair = { mine: witness.connect(), theirs: witness.connect() }
})
afterAll(() => witness.stop())

witnessPortContract('holdfast witness', () => pair)
