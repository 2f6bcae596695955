/** A host dies, three times, each time the one where the VM runs: its guest goes on on the other one, and its client sees a wait. */
import { killInLockstep } from '../../lib/lab/lockstep/kill'
import { LockstepStand } from './lockstep-stand'

jest.setTimeout(600_000)

let stand: LockstepStand
beforeAll(async () => {
  stand = await LockstepStand.open()
})
afterAll(() => stand.close())

test.each([
  ['h2', 'h1'],
  ['h1', 'h2'],
  ['h2', 'h1'],
])('all of %s is killed, and the guest goes on on %s; then it is in lockstep again by itself', async (host, survivor) => {
  expect(await stand.places()).toEqual({ primary: host, standby: survivor })
  const outcome = await killInLockstep(stand.scene, host, survivor)
  expect(outcome.wasStarted).toBe(false)
  expect(await stand.places()).toEqual({ primary: survivor, standby: host })
})

test('no count was lost or came twice, texts and records on disk are there, and an idle connection still answers', async () => {
  const verdict = await stand.end()
  expect(verdict.broken).toEqual([])
  expect(verdict.counted).toBeGreaterThan(150)
  expect(verdict.written).toBeGreaterThan(20)
})
