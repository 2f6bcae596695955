import { BLOCK_BYTES } from '../../../../lib/core/domain/blocks'
import { DirtyBitmap } from '../../../../lib/core/domain/dirty-bitmap'
import type { ReplicaMetadata } from '../../../../lib/core/domain/volume'
import type { MirrorEffect, MirrorEvent, Side } from '../../../../lib/core/mirror/events'
import { Mirror } from '../../../../lib/core/mirror/mirror'
import { PacedResync } from '../../../../lib/daemon/worker/disk/paced-resync'
import { TICK_MS } from '../../../../lib/daemon/worker/parts'
import { performed } from '../../mirror/buffer-disk'

type Io = Extract<MirrorEffect, { do: 'io' }>

const BLOCKS = 128
const SIZE = BLOCKS * BLOCK_BYTES
/** One block in two ticks. A copy takes several, and those after it pay for that. */
const SLOW = (BLOCK_BYTES * 1000) / TICK_MS / 2
const COPY_BLOCKS = 8
const TICKS_MAX = 10 * BLOCKS

/** A resync of the peer's replica at a slow pace, and somebody who looks how far it is all the time. */
class Scene {
  readonly disks: Record<Side, Buffer> = { local: Buffer.alloc(SIZE, 1), peer: Buffer.alloc(SIZE) }
  readonly mirror: Mirror
  readonly resync: PacedResync
  readonly #open: Io[] = []
  #nowMs = 0
  #generations = 0

  constructor() {
    const listed = { local: true, peer: false }
    const newGeneration = (): string => (++this.#generations).toString(16).padStart(16, '0')
    this.mirror = new Mirror({ sizeBytes: SIZE, listed, tracked: true, newGeneration })
    const limits = { guestLatencyMs: 20, bytesPerSecondMin: SLOW, bytesPerSecondMax: SLOW }
    this.resync = new PacedResync(limits, this.mirror.replicas)
    this.apply({ on: 'lease', valid: true })
    this.#up('local', 'a'.repeat(16), [])
    this.#up('peer', '', [])
  }

  get looked(): { doneBlocks: number; target: string } | null {
    const progress = this.resync.progress(this.#nowMs)
    return progress && { doneBlocks: progress.doneBytes / BLOCK_BYTES, target: progress.target }
  }

  get toCompare(): number {
    return this.mirror.replicas.peer.dirty.count
  }

  /** Ticks until it is so. */
  until(isSo: () => boolean): number {
    let ticks = 0
    while (!isSo() && ticks < TICKS_MAX) {
      this.tick()
      ticks++
    }
    return ticks
  }

  /** Somebody looks, and whatever the replicas are asked is done. */
  tick(): void {
    this.#nowMs += TICK_MS
    const bytes = this.resync.tick()
    if (bytes !== null) this.apply({ on: 'allow', bytes })
    this.resync.progress(this.#nowMs)
    for (let io = this.#open.shift(); io !== undefined; io = this.#open.shift()) {
      const data = performed(this.disks[io.side], io.request)
      this.apply({ on: 'done', side: io.side, op: io.op, error: '', ...(data === null ? {} : { data }) })
    }
  }

  /** As it was left, with notes of all its blocks. */
  back(): void {
    const { state, generations } = this.mirror.replicas.peer.history
    this.#up(
      'peer',
      generations.current,
      Array.from({ length: BLOCKS }, (_, block) => block),
      state,
    )
  }

  apply(event: MirrorEvent): void {
    const effects = this.mirror.apply(event)
    this.#open.push(...effects.filter((effect) => effect.do === 'io'))
    const begun = effects.find((effect) => effect.do === 'note' && effect.act === 'resync-started')
    if (begun?.do === 'note') this.apply({ on: 'allow', bytes: this.resync.begins(begun.side, 'the other host') })
  }

  #up(side: Side, current: string, noted: readonly number[], state: ReplicaMetadata['state'] = 'up-to-date'): void {
    const bits = new DirtyBitmap(SIZE)
    for (const block of noted) bits.mark(block * BLOCK_BYTES, 1)
    const generations = { current, bitmap: '', former: '', history: [] }
    const presence = { identity: side, incarnation: `${side}${this.#nowMs}`, state, generations, cacheKept: true }
    this.apply({ on: 'replica-up', side, presence, bits })
  }
}

describe('the pace of a resync', () => {
  test('is kept from its beginning to its end, and anybody may look how far it is', () => {
    const scene = new Scene()
    scene.until(() => scene.looked !== null)
    expect(scene.looked?.target).toBe('the other host')
    expect(scene.until(() => scene.mirror.replicas.peer.state === 'joining')).toBeGreaterThan(2 * (BLOCKS - 2 * COPY_BLOCKS))
    expect(scene.looked).toEqual({ doneBlocks: BLOCKS, target: 'the other host' })
    expect(scene.disks.peer.equals(scene.disks.local)).toBe(true)
    scene.apply({ on: 'claimed', members: { local: true, peer: true } })
    expect(scene.looked).toBeNull()
  })

  test('is none any more for what members compare: one that was lost before the claim listed it, and is back', () => {
    const scene = new Scene()
    scene.until(() => scene.mirror.replicas.peer.state === 'joining')
    scene.apply({ on: 'replica-down', side: 'peer', error: 'reset' })
    scene.tick()
    scene.disks.peer.fill(2)
    scene.back()
    expect([scene.mirror.replicas.peer.state, scene.toCompare]).toEqual(['member', BLOCKS])
    expect(scene.until(() => scene.toCompare === 0)).toBe(1)
    expect(scene.looked).toBeNull()
    expect(scene.disks.peer.equals(scene.disks.local)).toBe(true)
  })
})
