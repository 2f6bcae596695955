import { KillRounds } from './kill-rounds'

// They take forty seconds on a quiet machine.
jest.setTimeout(900_000)

const ROUNDS = 20
const SEED = Math.floor(Math.random() * 2 ** 31)

const said: string[] = []
const rounds = new KillRounds(ROUNDS, SEED, (line) => said.push(line))
afterAll(() => rounds.end())

test(`seed ${SEED}: ${ROUNDS} rounds of kill -9 under writes lose nothing and show the guest no error`, async () => {
  const report = await rounds.run().catch((error: unknown) => {
    throw new Error(`seed ${SEED}: ${String(error)}\n${said.join('\n')}`, { cause: error })
  })
  expect({ ...report, said }).toMatchObject({ errors: [], lost: [], firstDifference: -1 })
  expect(report.writes).toBeGreaterThan(ROUNDS * 60)
  expect(report.reads).toBeGreaterThan(0)
  expect(report.takenOver).toBeGreaterThan(0)
  // A replica that was away lacks what was written meanwhile, and no more; none is copied anew, and none has to be refused.
  const { 'resync-started i-tracked-peer': tracked, ...others } = report.rules
  expect(others).toEqual({ 'resync-started peer-is-new': 1 })
  expect(tracked).toBeGreaterThan(0)
})
