import type { Capturable, Captured } from '../../../ports/capture'
import type { ChangedPages, MemoryRange } from '../../../ports/changed-memory'
import type { Timers } from '../../../ports/timers'
import type { EpochOrder } from '../../../wire/peer-epochs'
import { bytePieces, memoryPieces } from './memory-pieces'
import type { MonitoredGuest } from './monitored-guest'
import { Outbox, type EpochLink } from './outbox'

export interface PartLimits {
  /** What is looked at in one go; whole pages. */
  readonly lookBytes: number
  /** Of one part on the wire; whole pages. */
  readonly partBytes: number
  /** What of a link's queue may be parts: a write of the guest's disk that is sent now waits behind them. */
  readonly queuedBytesMax: number
}

/** At a gigabit a second, 4 MB are 32 ms, and enough to keep the road busy for the two milliseconds until it is looked at again. */
export const PART_LIMITS: PartLimits = { lookBytes: 16 * 1024 * 1024, partBytes: 1024 * 1024, queuedBytesMax: 4e6 }

export interface EpochPartsNeeds {
  readonly guest: MonitoredGuest
  readonly link: () => EpochLink | null
  readonly timers: Timers
  readonly term: () => number
}

type Answer = (bytes: number) => void
type Refused = (error: string) => void

interface Run {
  readonly run: number
  readonly machine: Capturable
  /** Where what was found is told; used again and again. */
  readonly into: Buffer
}

/** What a run's epochs consist of, from the guest to the peer. Whatever was found once is sent once: it is not found again. */
export class EpochParts {
  readonly #outbox: Outbox
  #run: Run | null = null
  /** Of memory, of the epoch that is open. */
  #memoryParts = 0
  #captured: Captured | null = null

  constructor(
    private readonly needs: EpochPartsNeeds,
    private readonly limits: PartLimits,
  ) {
    this.#outbox = new Outbox(needs.link, needs.timers, limits.queuedBytesMax)
  }

  begin(run: number, machine: Capturable): void {
    this.#run = { run, machine, into: Buffer.allocUnsafeSlow(this.limits.lookBytes) }
    this.#memoryParts = 0
  }

  sendBegin(): void {
    if (this.#run === null) return
    const { run, machine } = this.#run
    const { memoryBytes, way } = machine
    this.needs.link()?.send({ type: 'epoch-begin', run, memoryBytes, way, term: this.needs.term() })
  }

  /** All memory once, as parts of epoch 0. Neither is called when the run ends before. */
  pass(answer: Answer, refused: Refused): void {
    if (this.#run === null) return
    this.#passOn(this.#run, [{ offset: 0, length: this.#run.machine.memoryBytes }], 0, answer, refused)
  }

  capture(epoch: number, answer: Answer, refused: Refused): void {
    const of = this.#run
    if (of === null) return
    let bytes = 0
    const more = (pages: ChangedPages): void => void (bytes += this.#push(of, epoch, pages))
    const captured = (found: Captured): void => {
      this.#captured = found
      answer(bytes + bytesOf(found.pages) + found.state.length)
      // The pause was given up: its pages are of the epoch that goes on.
      if (this.#captured === found) more(found.pages)
      this.#captured = null
    }
    this.needs.guest.capture(of.into, more, captured, refused)
  }

  /** What was captured, and the end of its epoch. */
  send(epoch: number): void {
    const [of, captured] = [this.#run, this.#captured]
    this.#captured = null
    if (of === null || captured === null) return
    this.#push(of, epoch, captured.pages)
    const [{ run }, term] = [of, this.needs.term()]
    const device = bytePieces(captured.state, this.limits.partBytes)
    this.#outbox.push([
      ...device.map((data): EpochOrder => ({ type: 'epoch-part', run, epoch, kind: 'device', data, term })),
      { type: 'epoch-end', run, epoch, parts: this.#memoryParts + device.length, term },
    ])
    this.#memoryParts = 0
  }

  /** What is not sent is dropped. */
  end(): void {
    this.#run = null
    this.#captured = null
    this.#outbox.clear()
  }

  #passOn(of: Run, ranges: readonly MemoryRange[], before: number, answer: Answer, refused: Refused): void {
    const looked = (pages: ChangedPages): void => {
      if (this.#run !== of) return
      const bytes = before + this.#push(of, 0, pages)
      void this.#outbox.emptied().then(() => {
        if (this.#run !== of) return
        if (pages.rest.length === 0) answer(bytes)
        else this.#passOn(of, pages.rest, bytes, answer, refused)
      })
    }
    this.needs.guest.look(of.into, ranges, looked, (error) => {
      if (this.#run === of) refused(error)
    })
  }

  /** Answers how many bytes they are. */
  #push(of: Run, epoch: number, { parts }: ChangedPages): number {
    if (this.#run !== of) return 0
    const [{ run }, term] = [of, this.needs.term()]
    const pieces = memoryPieces(parts, this.limits.partBytes)
    this.#outbox.push(
      pieces.map(({ runs, data }): EpochOrder => ({ type: 'epoch-part', run, epoch, kind: 'memory', runs, data, term })),
    )
    this.#memoryParts += pieces.length
    return pieces.reduce((sum, { data }) => sum + data.length, 0)
  }
}

const bytesOf = ({ parts }: ChangedPages): number => parts.reduce((sum, { bytes }) => sum + bytes.length, 0)
