import { hostUuid, vmUuid } from '../../../lib/core/domain/ids'
import type { TimelineEntry } from '../../../lib/core/domain/timeline'
import { beganAt, servedAlone } from '../../../lib/daemon/host/served-alone'
import { type LoneFacts, LoneService } from '../../../lib/daemon/worker/lone-service'
import type { WorkerParts } from '../../../lib/daemon/worker/parts'

const HOST = hostUuid('bbbbbbbb-0001-4000-8000-000000000001')
const VM = vmUuid('aaaaaaaa-0001-4000-8000-000000000001')

/** A worker's clock begins at this moment. */
const START = Date.parse('2026-03-01T10:00:00.000Z')

class Scene {
  readonly entries: TimelineEntry[] = []
  nowMs = 0
  facts: LoneFacts = { vm: VM, term: 3, alone: false, writes: 100, writtenBytes: 1000 }
  private readonly service = new LoneService(
    () =>
      ({
        incarnation: '0123456789',
        timeline: {
          record: (entry: Omit<TimelineEntry, 'at' | 'host'>) =>
            this.entries.push({ ...entry, host: HOST, at: new Date(START + this.nowMs).toISOString() }),
        },
      }) as unknown as WorkerParts,
  )

  /** A guest that writes 10 bytes each second. */
  live(seconds: number, alone: boolean): void {
    for (let n = 0; n < seconds; n++) {
      this.facts = { ...this.facts, alone, writes: this.facts.writes + 1, writtenBytes: this.facts.writtenBytes + 10 }
      this.nowMs += 1000
      this.service.look(this.facts, this.nowMs)
    }
  }

  end(): void {
    this.service.look(null, this.nowMs)
  }
}

let scene: Scene
beforeEach(() => (scene = new Scene()))

test('a stretch is told again at twice its age, and told once in the report, with what was answered in it', () => {
  scene.live(10, false)
  scene.live(61, true)
  expect(scene.entries.map(({ rule, evidence }) => [rule, evidence['seconds'], evidence['writes']])).toEqual([
    ['goes-on', 5, 5],
    ['goes-on', 10, 10],
    ['goes-on', 20, 20],
    ['goes-on', 40, 40],
  ])
  scene.live(3, false)
  expect(servedAlone(scene.entries)).toEqual([
    {
      ...{ host: HOST, from: '2026-03-01T10:00:11.000Z', to: '2026-03-01T10:01:12.000Z', over: true },
      ...{ term: 3, writes: 61, writtenBytes: 610 },
    },
  ])
})

test('a worker that is killed leaves what it told last', () => {
  scene.live(15, true)
  expect(servedAlone(scene.entries)).toMatchObject([{ over: false, writes: 10, from: '2026-03-01T10:00:01.000Z' }])
})

test('a worker that ends tells', () => {
  scene.live(7, true)
  scene.end()
  scene.end()
  expect(servedAlone(scene.entries)).toMatchObject([{ over: true, writes: 6 }])
})

test('what is over before anybody could ask is not told; two stretches are two', () => {
  scene.live(3, true)
  scene.live(1, false)
  expect(scene.entries).toEqual([])
  scene.live(8, true)
  scene.live(1, false)
  scene.live(8, true)
  scene.end()
  expect(servedAlone(scene.entries).map(({ from }) => from)).toEqual(['2026-03-01T10:00:05.000Z', '2026-03-01T10:00:14.000Z'])
})

test('the first eight digits of a generation are the second of its beginning', () => {
  expect(beganAt('69230a12c0ffee00')).toBe('2025-11-23T13:20:18Z')
  expect(beganAt('')).toBe('')
})
