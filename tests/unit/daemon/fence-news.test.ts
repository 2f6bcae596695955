import { Refusal } from '../../../lib/core/domain/errors'
import { FenceNews } from '../../../lib/daemon/host/fence-news'
import type { Log } from '../../../lib/ports/log'
import type { Fleet } from '../../../lib/daemon/host/fleet'
import type { WorkerApi, WorkerSpec } from '../../../lib/wire/worker-api'
import { A, B } from '../../contracts/witness-port'

/** A host with the worker of one protected VM and one of an unprotected disk; what they are told. */
class Scene {
  nowMs = 1000
  proof: { sinceMs: number; untilMs: number } | undefined
  readonly told: unknown[] = []
  readonly news: FenceNews

  constructor(answer: () => Promise<void> = () => Promise.resolve()) {
    const specs = [
      { id: 'vm', vm: 'vm' },
      { id: 'disk', vm: null },
    ] as unknown as readonly WorkerSpec[]
    const fleet: Pick<Fleet, 'specs' | 'tell'> = {
      specs: () => specs,
      tell: (id, fn, ask) => {
        const { host, word } = ask as WorkerApi['fenced']['ask']
        this.told.push([id, fn, host, word])
        return answer()
      },
    }
    this.news = new FenceNews({
      ...{
        parts: { clock: { nowMs: () => this.nowMs }, log: { warn: () => undefined } as unknown as Log },
        fleet,
        others: [A, B],
      },
      fencing: { fenced: (host) => (host === B ? this.proof : undefined) },
    })
  }

  turn(): unknown[] {
    this.told.length = 0
    this.news.turn()
    return [...this.told]
  }
}

test('nothing is told while nothing is proven; a proof is told to each pair, again at each turn; its end is told once', () => {
  const scene = new Scene()
  expect(scene.turn()).toEqual([])
  scene.proof = { sinceMs: 900, untilMs: 4000 }
  expect(scene.turn()).toEqual([['vm', 'fenced', B, { atMs: 1000, sinceMs: 900, untilMs: 4000 }]])
  scene.nowMs = 2000
  expect(scene.turn()).toEqual([['vm', 'fenced', B, { atMs: 2000, sinceMs: 900, untilMs: 4000 }]])
  scene.nowMs = 2500
  scene.proof = undefined
  expect(scene.turn()).toEqual([['vm', 'fenced', B, { atMs: 2500, sinceMs: 2500, untilMs: 2500 }]])
  expect(scene.turn()).toEqual([])
})

test('a proof is told at once, as is its end', () => {
  const scene = new Scene()
  scene.proof = { sinceMs: 900, untilMs: 4000 }
  scene.news.tell(B)
  scene.proof = undefined
  scene.news.tell(B)
  expect(scene.told).toHaveLength(2)
})

test('a worker that refuses it has not heard it, and that is all', async () => {
  const scene = new Scene(() => Promise.reject(new Refusal('HOLDFAST_TIMED_OUT', { seconds: 1, reason: 'It hangs.' })))
  scene.proof = { sinceMs: 900, untilMs: 4000 }
  scene.news.tell(B)
  await new Promise((resolve) => setImmediate(resolve))
  expect(scene.told).toHaveLength(1)
})
