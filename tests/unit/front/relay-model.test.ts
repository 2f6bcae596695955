import { ByteQueue } from '../../../lib/wire/byte-queue'
import { FrontRelay } from '../../../lib/wire/nbd/front-relay'
import { SEED, seeds } from '../../wire/seeded'
import { Dice } from '../../world/prng'
import { CELL_BYTES, Pipe } from './model-bytes'
import { ModelClient } from './model-client'
import { ModelRoom } from './model-room'
import { ModelWorker, type WorkerHabits } from './model-worker'

const CELLS = 24
const REQUESTS = 120
const REQUEST_BYTES_MAX = 8 * CELL_BYTES

interface Run {
  readonly complaints: readonly string[]
  readonly asked: number
  readonly unanswered: number
  readonly lives: number
  readonly room: ModelRoom
}

/** A client, a front and workers that die at any byte, until every request is answered. */
function play(seed: number, habits: WorkerHabits): Run {
  const dice = new Dice(seed)
  const disk = Array<number>(CELLS).fill(0)
  const client = new ModelClient(CELLS, dice)
  const room = new ModelRoom(1 + dice.below(12), 1 + dice.below(64))
  const asked = new ByteQueue()
  const toClient = new Pipe()
  const toWorker = new Pipe()
  let worker: ModelWorker | null = null
  const dropped: ModelWorker[] = []
  let lives = 0
  const relay = new FrontRelay(asked, room, {
    toClient: (bytes) => toClient.push(bytes),
    toWorker: (bytes) => toWorker.push(bytes),
    // It is not told so, and goes on with what it has.
    dropWorker: () => {
      if (worker !== null) dropped.push(worker)
      worker = null
      toWorker.take(toWorker.length)
    },
    endClient: (_orderly, reason) => {
      throw new Error(`the client was closed: ${reason}`)
    },
  })
  const lose = (): void => {
    worker?.die()
    worker = null
    toWorker.take(toWorker.length)
  }
  const some = (pipe: Pipe): Buffer => pipe.take(1 + dice.below(dice.chance(0.5) ? pipe.length : Math.min(pipe.length, 9)))
  const deliver = (bytes: Buffer): void => {
    asked.push(bytes)
    relay.pump()
  }
  const killChance = dice.of([0.003, 0.02, 0.1])
  const depth = 1 + dice.below(24)
  // Restless for a long time, then left in peace so that it can end.
  for (let step = 0; step < 60_000; step++) {
    const restless = step < 8_000
    const acts: (() => void)[] = []
    if (client.asked < REQUESTS && client.unanswered < depth) acts.push(() => client.ask())
    if (client.sending.length > 0 && !relay.wantsRoom) acts.push(() => deliver(some(client.sending)))
    if (!relay.wantsRoom) acts.push(() => relay.pump())
    if (toClient.length > 0) acts.push(() => client.receive(some(toClient)))
    for (const each of dropped) if (!each.idle && dice.chance(0.02)) acts.push(() => each.work())
    const alive = worker as ModelWorker | null
    if (alive === null) {
      acts.push(() => {
        worker = new ModelWorker(disk, habits, dice)
        lives += 1
        relay.workerUp()
      })
    } else {
      if (toWorker.length > 0) acts.push(() => alive.receive(some(toWorker)))
      if (!alive.idle) acts.push(() => alive.work())
      if (alive.leaving.length > 0) acts.push(() => relay.fromWorker(some(alive.leaving)))
      if (restless && dice.chance(killChance)) {
        acts.push(() => {
          if (dice.chance(0.5)) alive.ending = true
          else {
            relay.workerDown()
            lose()
          }
        })
      }
    }
    if (client.asked === REQUESTS && client.unanswered === 0) break
    dice.of(acts)()
  }
  for (const each of dropped) while (!each.idle) each.work()
  return { complaints: client.complaints(disk), asked: client.asked, unanswered: client.unanswered, lives, room }
}

const SEEDS = 300

describe(`a client behind a front whose workers die (HOLDFAST_TEST_SEED=${SEED})`, () => {
  test(`${SEEDS} stories: each request is answered once, with what the disk held, and nothing answered is undone`, () => {
    let lives = 0
    for (const seed of seeds(SEEDS)) {
      const run = play(seed, { ordered: true, errorChance: 0.02 })
      expect({ seed, asked: run.asked, unanswered: run.unanswered, complaints: run.complaints }).toEqual({
        ...{ seed, asked: REQUESTS, unanswered: 0, complaints: [] },
      })
      const { room } = run
      expect({ seed, requests: room.requests, bytes: room.bytes }).toEqual({ seed, requests: 0, bytes: 0 })
      expect(room.mostRequests).toBeLessThanOrEqual(room.requestsMax)
      expect(room.mostBytes).toBeLessThan(room.bytesMax + REQUEST_BYTES_MAX)
      lives += run.lives
    }
    expect(lives).toBeGreaterThan(5 * SEEDS)
  })

  test('the judge sees a worker that does overlapping requests in any order', () => {
    const wrong = seeds(100).filter((seed) => play(seed, { ordered: false, errorChance: 0 }).complaints.length > 0)
    expect(wrong.length).toBeGreaterThan(10)
  })
})
