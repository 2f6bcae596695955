import { OutputLedger } from '../../../core/checkpoint/output-ledger'
import type { FrameWay } from '../../../core/domain/guest-frame'
import type { GuestOutput, GuestOutputEvents, GuestFrame } from '../../../ports/guest-output'
import type { Timer, Timers } from '../../../ports/timers'
import { codedError, errorText } from './error-text'

export interface EpochOutputNeeds {
  /** As HoldOutput; null: no guest of the VM runs or stands here. */
  readonly holdOutput: (events: GuestOutputEvents) => Promise<GuestOutput | null>
  readonly timers: Timers
  /** Of the guest's traffic, as it is seen. */
  readonly passes: (way: FrameWay, frame: GuestFrame) => void
  /** Something begins to wait for the end of this epoch. */
  readonly waits: () => void
  /** Nothing can be held or let go any more: it is thrown away until all may go. */
  readonly failed: (error: string) => void
  readonly note: (text: string, error: string) => void
}

/** What a guest may have sent within a few epochs; a gigabit's second. */
const HELD_BYTES_MAX = 128e6
const AGAIN_MS = 1000

/** The guest's output, taken off its way while the guest may be in lockstep, and let go as its epochs are confirmed. */
export class EpochOutput {
  readonly #ledger: OutputLedger<GuestFrame>
  #output: GuestOutput | null = null
  /** Whoever was here before may hold it. */
  #mayBeHeld: boolean
  #isWanted = false
  #isTold = false
  #isOver = false
  #changing: Promise<void> | null = null
  #timer: Timer | null = null

  constructor(
    private readonly needs: EpochOutputNeeds,
    mayBeHeld: boolean,
    heldBytesMax = HELD_BYTES_MAX,
  ) {
    this.#ledger = new OutputLedger(heldBytesMax)
    this.#mayBeHeld = mayBeHeld
    if (!mayBeHeld) this.#ledger.free()
  }

  get heldBytes(): number {
    return this.#ledger.heldBytes
  }

  /** Frames that were lost for want of room. */
  get refused(): number {
    return this.#ledger.refused
  }

  /** It is taken off its way, and goes on as before until `hold`. Rejects with the port's error. */
  async open(): Promise<void> {
    await this.#changing
    this.#isWanted = true
    if (this.#output === null && !(await this.#take())) throw codedError('ENOTCONN', 'the guest does not run')
  }

  /** Also where nothing was opened: then it is tried until it can be. */
  hold(): void {
    this.#ledger.hold()
    this.#isWanted = true
    this.#settle()
  }

  /** When what was asked for was tried once; at once if it was. */
  whenTried(act: () => void): void {
    if (this.#changing === null) act()
    else void this.#changing.then(act)
  }

  settled(): Promise<void> {
    return this.#output?.settled() ?? Promise.reject(codedError('ENOTCONN', "the guest's output is not held"))
  }

  cut(epoch: number): void {
    this.#isTold = false
    this.#ledger.cut(epoch)
  }

  release(epoch: number): void {
    this.#leave(this.#ledger.release(epoch))
  }

  /** All may leave, and needs nobody here any more. */
  free(): void {
    this.#leave(this.#ledger.free())
    this.#isWanted = false
    this.#isTold = false
    this.#settle()
  }

  lease(valid: boolean): void {
    this.#leave(this.#ledger.lease(valid))
  }

  /** For good. */
  drop(): void {
    this.#ledger.drop()
  }

  /** It stays as it is; a guest's output that was held is thrown away. */
  close(): void {
    this.#isOver = true
    this.#timer?.stop()
  }

  #leave(frames: readonly GuestFrame[]): void {
    if (frames.length > 0) this.#output?.release(frames)
  }

  /** Until it is as it is wanted. */
  #settle(): void {
    this.#timer?.stop()
    this.#timer = null
    if (this.#isOver || this.#changing !== null) return
    const isRight = this.#isWanted ? this.#output !== null : this.#output === null && !this.#mayBeHeld
    if (isRight) return
    this.#changing = this.#change().then((isDone) => {
      this.#changing = null
      if (isDone) this.#settle()
      else if (!this.#isOver) this.#timer = this.needs.timers.after(AGAIN_MS, () => this.#settle())
    })
  }

  async #change(): Promise<boolean> {
    try {
      // What somebody else holds is let go by taking it over first.
      if (this.#output === null) await this.#take()
      else await this.#end(this.#output)
      return true
    } catch (error) {
      this.needs.note("the guest's output cannot be changed", errorText(error))
      return false
    }
  }

  /** False: there is no guest. */
  async #take(): Promise<boolean> {
    let mine: GuestOutput | null = null
    mine = await this.needs.holdOutput({
      sent: (frame) => this.#sent(frame),
      came: (frame) => this.needs.passes('came', frame),
      failed: (error) => {
        if (mine === this.#output) this.needs.failed(error)
      },
    })
    this.#output = mine
    this.#mayBeHeld = mine !== null
    if (mine === null) this.#isWanted = false
    return mine !== null
  }

  async #end(output: GuestOutput): Promise<void> {
    this.#output = null
    await output.end()
    this.#mayBeHeld = false
  }

  #sent(frame: GuestFrame): void {
    this.needs.passes('sent', frame)
    this.#leave(this.#ledger.sent(frame, frame.bytes.length))
    if (this.#isTold || this.#ledger.heldBytes === 0) return
    this.#isTold = true
    this.needs.waits()
  }
}
