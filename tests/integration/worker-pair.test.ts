import { readFileSync } from 'node:fs'
import { WorkerPair } from './worker-pair'

jest.setTimeout(120_000)

let pair: WorkerPair
afterEach(() => pair.close())

test('seed 1: the first copy while a client writes ends with two equal images', async () => {
  pair = await WorkerPair.make()
  pair.a.start(pair.specOf(pair.a))
  await pair.attach(pair.a)
  const writer = await pair.writer(pair.a, 0, 1)
  writer.begin()
  await writer.more(20)
  expect(await pair.upToDate()).toEqual([pair.a.uuid])
  pair.b.start(pair.specOf(pair.b))
  await pair.untilRedundant()
  await writer.more(20)
  await writer.stop()
  writer.check(readFileSync(pair.a.image))
  pair.expectSameBytes()
  expect(pair.a.acts('resync-started')).toMatchObject([{ rule: 'peer-is-new' }])
  expect(pair.a.acts('replica-joined-claim')).toHaveLength(1)
  await pair.b.until('the copy knows that it is whole', ({ volumes }) => volumes[0]?.localReplica === 'up-to-date')
})

test('seed 2: the peer worker is killed under writes: no error, the claim first, then only what it missed', async () => {
  pair = await WorkerPair.redundant()
  const writers = [await pair.writer(pair.a, 0, 2), await pair.writer(pair.a, 1, 3)]
  let peerIsDead = false
  const alone: (readonly string[])[] = []
  for (const writer of writers) {
    let askedAfterDeath = false
    writer.begin(async () => {
      // The write that was just acknowledged was asked for after the peer's death.
      if (askedAfterDeath && alone.length < 50) alone.push(await pair.upToDate())
      askedAfterDeath = peerIsDead
    })
  }
  await Promise.all(writers.map((writer) => writer.more(20)))
  expect(await pair.upToDate()).toEqual([pair.a.uuid, pair.b.uuid])
  await pair.b.kill()
  peerIsDead = true
  await Promise.all(writers.map((writer) => writer.more(40)))
  peerIsDead = false
  expect(alone.length).toBeGreaterThan(20)
  expect(alone.filter((hosts) => hosts.join() !== pair.a.uuid)).toEqual([])
  pair.b.start()
  await pair.untilRedundant()
  await Promise.all(writers.map((writer) => writer.more(20)))
  await Promise.all(writers.map((writer) => writer.stop()))
  for (const writer of writers) writer.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
  expect(pair.a.acts('resync-started').map(({ rule }) => rule)).toEqual(['peer-is-new', 'i-tracked-peer'])
})

test('seed 4: the primary worker is killed under writes and started again: the client goes on', async () => {
  pair = await WorkerPair.redundant()
  const writers = [await pair.writer(pair.a, 0, 4), await pair.writer(pair.a, 1, 5)]
  for (const writer of writers) writer.begin()
  for (let round = 0; round < 3; round += 1) {
    await Promise.all(writers.map((writer) => writer.more(20)))
    await pair.a.kill()
    pair.a.start()
  }
  await Promise.all(writers.map((writer) => writer.more(20)))
  await pair.untilRedundant()
  // What may differ is compared while both stay in the claim: nothing was ever resynced again.
  expect(pair.a.acts('resync-started').map(({ rule }) => rule)).toEqual(['peer-is-new'])
  await Promise.all(writers.map((writer) => writer.stop()))
  for (const writer of writers) writer.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
})
