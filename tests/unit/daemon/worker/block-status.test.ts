import type { Extent } from '../../../../lib/core/domain/extent'
import type { GuestRequest } from '../../../../lib/core/domain/replica-request'
import { DirtyBitmap } from '../../../../lib/core/domain/dirty-bitmap'
import type { Replica } from '../../../../lib/core/mirror/replica'
import { BlockStatus } from '../../../../lib/daemon/worker/disk/block-status'
import type { Seat } from '../../../../lib/daemon/worker/seat'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { eventually } from '../../../integration/worker-host'

const SIZE = 1 << 20
const HOLE: Extent = { lengthBytes: SIZE, hole: true, zero: true }

const member = (): { state: Replica['state']; readonly dirty: DirtyBitmap } => ({ state: 'member', dirty: new DirtyBitmap(SIZE) })

/** A disk whose local replica is nothing but a hole. */
class Scene {
  readonly replicas = { local: member(), peer: member() }
  stalled = false
  unanswered: GuestRequest[] = []
  looks = 0
  leaseChecks = 0
  /** What happens while the file system is asked. */
  meanwhile: () => Promise<void> = () => Promise.resolve()
  seat: Seat | null = this.newSeat()
  readonly status = new BlockStatus({
    timers: systemTimers,
    seat: () => this.seat,
    mirror: this.mirror(),
    unanswered: () => this.unanswered,
    checkLease: () => this.leaseChecks++,
  })

  private mirror(): { readonly replicas: Scene['replicas']; readonly stalled: boolean } {
    const isStalled = (): boolean => this.stalled
    return {
      replicas: this.replicas,
      get stalled() {
        return isStalled()
      },
    }
  }

  newSeat(): Seat {
    const extents = async (_offset: number, length: number): Promise<Extent[]> => {
      this.looks++
      await this.meanwhile()
      return [{ ...HOLE, lengthBytes: length }]
    }
    return { device: { extents } } as unknown as Seat
  }

  ask(offset = 0, length = SIZE): Promise<readonly Extent[]> {
    return new Promise((resolve) => this.status.ask(offset, length, false, ({ extents }) => resolve(extents)))
  }
}

let scene: Scene
beforeEach(() => (scene = new Scene()))

const write = (offset: number, length: number): GuestRequest => ({
  ...{ kind: 'write', offset, length, data: Buffer.alloc(length), fua: false },
})
const zero = (offset: number, length: number): GuestRequest => ({ kind: 'zero', offset, length, punch: true, fua: false })

test('what the local replica knows is told, under a lease', async () => {
  expect(await scene.ask()).toEqual([HOLE])
  expect(scene.leaseChecks).toBeGreaterThan(0)
})

test.each<[string, () => unknown]>([
  ['there is no lease, no claim or no replica', () => (scene.stalled = true)],
  ['reads are served from the peer', () => (scene.replicas.local.state = 'absent')],
  ['the local one is being resynced', () => (scene.replicas.local.state = 'resyncing')],
  ['it is not open', () => (scene.seat = null)],
  ['it is nothing that has holes', () => (scene.seat = { device: {} } as unknown as Seat)],
  ['the local one may differ there', () => scene.replicas.local.dirty.mark(SIZE - 1, 1)],
  ['the peer may differ there', () => scene.replicas.peer.dirty.mark(0, 1)],
])('nothing is told when %s', async (_when, so) => {
  so()
  expect(await scene.ask()).toEqual([])
  expect(scene.looks).toBe(0)
  scene = new Scene()
  // The same, but only by the time the file system has answered.
  scene.meanwhile = () => Promise.resolve(void so())
  expect(await scene.ask()).toEqual([])
})

test('elsewhere a difference is of no interest, nor that of a peer that is resynced', async () => {
  scene.replicas.local.dirty.mark(SIZE - 1, 1)
  expect(await scene.ask(0, 65_536)).toEqual([{ ...HOLE, lengthBytes: 65_536 }])
  scene.replicas.local.dirty.clearAll()
  scene.replicas.peer.state = 'resyncing'
  scene.replicas.peer.dirty.markAll()
  expect(await scene.ask()).toEqual([HOLE])
})

test('a replica that was opened again meanwhile is another one', async () => {
  scene.meanwhile = () => Promise.resolve(void (scene.seat = scene.newSeat()))
  expect(await scene.ask()).toEqual([])
})

test('what is being changed, or begins to be meanwhile, may be data', async () => {
  scene.unanswered = [write(4096, 512), { kind: 'read', offset: 0, length: SIZE }, { kind: 'flush', offset: 0, length: 0 }]
  scene.meanwhile = () => Promise.resolve(void (scene.unanswered = [zero(65_536, 65_536)]))
  expect(await scene.ask()).toEqual([
    { ...HOLE, lengthBytes: 4096 },
    { lengthBytes: 512, hole: false, zero: false },
    { ...HOLE, lengthBytes: 65_536 - 4608 },
    { lengthBytes: 65_536, hole: false, zero: false },
    { ...HOLE, lengthBytes: SIZE - 131_072 },
  ])
})

test('one look at a time; a silent disk keeps nobody waiting, and is asked again when it has answered', async () => {
  let letGo = (): void => undefined
  const silent = new Promise<void>((resolve) => (letGo = resolve))
  scene.meanwhile = () => silent
  const asked = Array.from({ length: 20 }, () => scene.ask())
  expect(await Promise.all(asked)).toEqual(asked.map(() => []))
  expect(scene.looks).toBe(1)
  scene.meanwhile = () => Promise.resolve()
  letGo()
  await eventually('it has answered', async () => ((await scene.ask()).length > 0 ? true : null))
  expect(scene.looks).toBe(2)
})
