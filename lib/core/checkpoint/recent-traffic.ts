import type { FrameWay, GuestFrame } from '../domain/guest-frame'

/**
 * Of what a guest sends and what comes for it, the first bytes of each epoch go to the standby as well. A guest that goes on there has sent
 * what nobody may have got, and lacks what came since its state was taken: with this neither side has to wait until it sends again.
 * Networks may lose and repeat: nothing depends on it, and what has no room is left out.
 */
export const TRAFFIC_BYTES_MAX = 64 * 1024

/** What of the primary's traffic goes along. */
export class TrafficBudget {
  #left: Record<FrameWay, number> = { sent: TRAFFIC_BYTES_MAX, came: TRAFFIC_BYTES_MAX }

  /** An epoch begins. */
  renew(): void {
    this.#left = { sent: TRAFFIC_BYTES_MAX, came: TRAFFIC_BYTES_MAX }
  }

  /** What comes behind one that had no room would be a gap: it has none either. */
  admits(way: FrameWay, bytes: number): boolean {
    const isRoom = bytes <= this.#left[way]
    this.#left[way] = isRoom ? this.#left[way] - bytes : 0
    return isRoom
  }
}

/** Epochs whose output the primary may not have let go although they are complete: it has no more of them on their way. */
const UNSURE_EPOCHS = 2
/** Of all that is kept. Bytes. */
const KEPT_BYTES_MAX = 32 * TRAFFIC_BYTES_MAX

/** What holding a frame costs beside its bytes. */
const FRAME_BYTES = 256

interface Kept {
  readonly epoch: number
  readonly way: FrameWay
  readonly frame: GuestFrame
}

/** The traffic as a standby keeps it: what a guest would need that goes on from the newest complete epoch. */
export class RecentTraffic {
  #kept: Kept[] = []
  #bytes = 0

  /** `epoch`: whose pause comes after them. */
  keep(epoch: number, way: FrameWay, frames: readonly GuestFrame[]): void {
    for (const frame of frames) {
      if (this.#bytes + costOf(frame) > KEPT_BYTES_MAX) return
      this.#bytes += costOf(frame)
      this.#kept.push({ epoch, way, frame })
    }
  }

  /** A guest would go on from the end of this epoch, and from no earlier one. */
  complete(epoch: number): void {
    this.#kept = this.#kept.filter((each) => each.epoch > (each.way === 'came' ? epoch : epoch - UNSURE_EPOCHS))
    this.#bytes = this.#kept.reduce((sum, { frame }) => sum + costOf(frame), 0)
  }

  /** In the order in which they came here. What was sent later than this epoch the guest that goes on has not sent. */
  of(epoch: number): Readonly<Record<FrameWay, readonly GuestFrame[]>> {
    const frames = (those: readonly Kept[]): readonly GuestFrame[] => those.map(({ frame }) => frame)
    return {
      sent: frames(this.#kept.filter((each) => each.way === 'sent' && each.epoch <= epoch)),
      came: frames(this.#kept.filter((each) => each.way === 'came' && each.epoch > epoch)),
    }
  }
}

const costOf = ({ bytes }: GuestFrame): number => FRAME_BYTES + bytes.length
