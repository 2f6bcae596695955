import { must } from '../../../lib/core/domain/assert'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import { DirtyBitmap } from '../../../lib/core/domain/dirty-bitmap'
import type { GuestRequest, ReplicaRequest } from '../../../lib/core/domain/replica-request'
import type { MirrorEffect, MirrorEvent, Side } from '../../../lib/core/mirror/events'
import { Mirror, type MirrorOptions } from '../../../lib/core/mirror/mirror'

type Io = Extract<MirrorEffect, { do: 'io' }>

/** A digest is as long as the content it tells apart here: one byte for a block, repeated. */
const DIGEST = 32

/** A mirror between two disks that hold one byte per block, where what is asked of a disk can be held back. */
export class CopyRig {
  readonly mirror: Mirror
  readonly disks: Record<Side, Buffer>
  readonly replies: string[] = []
  readonly hints: { first: number; last: number }[][] = []
  readonly held: Io[] = []
  /** The first one is being applied. */
  private readonly events: MirrorEvent[] = []
  /** What is not answered until `release`. */
  holds: (io: Io) => boolean = () => false

  constructor(
    readonly blocks: number,
    options: Partial<MirrorOptions> = {},
  ) {
    this.disks = { local: Buffer.alloc(blocks), peer: Buffer.alloc(blocks) }
    let generations = 0
    this.mirror = new Mirror({
      ...{ sizeBytes: blocks * BLOCK_BYTES, listed: { local: true, peer: true }, tracked: true },
      newGeneration: () => (++generations).toString(16).padStart(16, '0'),
      ...options,
    })
  }

  /** A replica that has kept everything but, perhaps, these blocks. */
  up(side: Side, unsure: readonly number[] = [], incarnation = 'first'): void {
    const bits = new DirtyBitmap(this.blocks * BLOCK_BYTES)
    for (const block of unsure) bits.mark(block * BLOCK_BYTES, 1)
    const generations = { current: 'a'.repeat(16), bitmap: '', former: '', history: [] }
    const presence = { identity: side, incarnation, state: 'up-to-date', generations, cacheKept: true } as const
    this.apply({ on: 'replica-up', side, presence, bits })
  }

  write(id: number, block: number, content: number): void {
    const data = Buffer.alloc(BLOCK_BYTES, content)
    this.request(id, { kind: 'write', offset: block * BLOCK_BYTES, length: BLOCK_BYTES, data, fua: false })
  }

  read(id: number, block: number): void {
    this.request(id, { kind: 'read', offset: block * BLOCK_BYTES, length: BLOCK_BYTES })
  }

  request(id: number, request: GuestRequest): void {
    this.apply({ on: 'request', id, request })
  }

  apply(event: MirrorEvent): void {
    this.events.push(event)
    if (this.events.length > 1) return
    for (let next = this.events[0]; next !== undefined; next = this.events[0]) {
      this.follow(this.mirror.apply(next))
      this.events.shift()
    }
  }

  private follow(effects: readonly MirrorEffect[]): void {
    for (const effect of effects) {
      if (effect.do === 'io' && this.holds(effect)) this.held.push(effect)
      else if (effect.do === 'io') this.perform(effect)
      else if (effect.do === 'reply') this.replies.push(`${effect.id}:${effect.error}${effect.data?.[0] ?? ''}`)
      else if (effect.do === 'hint' && effect.side === 'local' && effect.hint.kind === 'clean')
        this.hints.push([...effect.hint.runs])
    }
  }

  /** Answers what is held back, in this order. */
  release(...ios: readonly Io[]): void {
    for (const io of ios) {
      this.held.splice(this.held.indexOf(io), 1)
      this.perform(io)
    }
  }

  private perform({ side, op, request }: Io): void {
    const data = this.done(side, request)
    this.apply({ on: 'done', side, op, error: '', ...(data === null ? {} : { data }) })
  }

  private done(side: Side, request: ReplicaRequest): Buffer | null {
    const disk = this.disks[side]
    const blocks = disk.subarray(request.offset / BLOCK_BYTES, (request.offset + request.length) / BLOCK_BYTES)
    const spread = (bytes: number): Buffer => Buffer.concat([...blocks].map((content) => Buffer.alloc(bytes, content)))
    if (request.kind === 'read') return spread(BLOCK_BYTES)
    if (request.kind === 'hash') return spread(DIGEST)
    if (request.kind === 'zero') blocks.fill(0)
    if (request.kind === 'write') blocks.forEach((_, n) => (blocks[n] = must(request.data[n * BLOCK_BYTES], 'a whole block')))
    return null
  }
}
