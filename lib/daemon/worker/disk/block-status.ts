import { withDataIn, type Extent } from '../../../core/domain/extent'
import { isChange, type GuestRequest } from '../../../core/domain/replica-request'
import { type Side, SIDES } from '../../../core/mirror/events'
import type { Replica } from '../../../core/mirror/replica'
import type { DiskExtents } from '../../../ports/disk-export'
import type { Timers } from '../../../ports/timers'
import type { Seat } from '../seat'
import { within } from '../within'

export interface BlockStatusNeeds {
  readonly timers: Timers
  /** The replica on this host; null when there is none that can be used. */
  readonly seat: () => Seat | null
  readonly mirror: { readonly stalled: boolean; readonly replicas: Readonly<Record<Side, Pick<Replica, 'state' | 'dirty'>>> }
  /** What the guest has asked for and was not told the end of. */
  readonly unanswered: () => readonly GuestRequest[]
  readonly checkLease: () => void
}

/** A disk that is silent for longer keeps nobody waiting: that there may be data is never wrong. */
const LOOK_LIMIT_MS = 1000
const NOTHING = { error: 0, extents: [] } as const

/**
 * What a client may know of the disk without reading it: where the local replica has no data. Only while a read would be served from
 * there at once, and never of what is being changed.
 */
export class BlockStatus {
  /** One look at a time: they take threads from the reads. */
  #last: Promise<unknown> = Promise.resolve()
  #isLooking = false

  constructor(private readonly needs: BlockStatusNeeds) {}

  readonly ask: DiskExtents = (offset, length, one, reply) => {
    void this.#inTurn(offset, length, one).then((extents) => reply({ ...NOTHING, extents }))
  }

  async #inTurn(offset: number, length: number, one: boolean): Promise<readonly Extent[]> {
    const before = this.#last
    const look = before.then(() => (this.#isLooking ? [] : this.#look(offset, length, one)))
    this.#last = look
    return look
  }

  async #look(offset: number, length: number, one: boolean): Promise<readonly Extent[]> {
    const seat = this.#believed(offset, length)
    if (seat?.device.extents === undefined) return []
    const changing = this.#changing()
    let found: readonly Extent[] = []
    const looking = seat.device.extents(offset, length, one).then((extents) => (found = extents))
    this.#isLooking = true
    const isThere = await within(this.needs.timers, LOOK_LIMIT_MS, looking)
    if (isThere) this.#isLooking = false
    else void looking.then(() => (this.#isLooking = false))
    if (!isThere || this.#believed(offset, length) !== seat) return []
    return withDataIn(found, offset, [...changing, ...this.#changing()])
  }

  /** The replica that a read of these bytes would be served from, if that is the one here. */
  #believed(offset: number, length: number): Seat | null {
    this.needs.checkLease()
    const { replicas, stalled } = this.needs.mirror
    if (stalled || replicas.local.state !== 'member') return null
    // Reads of what one replica may hold and the other not wait until both are the same.
    const isSame = SIDES.every((side) => replicas[side].state !== 'member' || !replicas[side].dirty.touches(offset, length))
    return isSame ? this.needs.seat() : null
  }

  #changing(): readonly GuestRequest[] {
    return this.needs.unanswered().filter(isChange)
  }
}
