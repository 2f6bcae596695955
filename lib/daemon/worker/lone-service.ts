import { SERVED_ALONE } from '../../core/domain/served-alone'
import type { VmUuid } from '../../core/domain/ids'
import type { WorkerParts } from './parts'

/** What is looked at; both counts only grow while a worker lives. */
export interface LoneFacts {
  readonly vm: VmUuid
  readonly term: number
  /** A guest uses a disk of which one replica alone gets what it writes. */
  readonly alone: boolean
  readonly writes: number
  readonly writtenBytes: number
}

/** A worker that was only restarted finds its peer sooner. Then told at twice the time again and again: a crash loses half of it. */
const TELL_AFTER_MS = 5000

interface Stretch {
  readonly name: string
  readonly beganMs: number
  readonly writes: number
  readonly writtenBytes: number
  tellAtMs: number
  isTold: boolean
}

/** Tells the timeline how long, and how much, a guest was served by one replica alone: what is at stake if histories part. */
export class LoneService {
  #stretch: Stretch | null = null
  #last: LoneFacts | null = null
  #named = 0

  constructor(private readonly parts: () => WorkerParts) {}

  /** `facts`: null while this host serves no protected VM. */
  look(facts: LoneFacts | null, nowMs: number): void {
    if (facts?.alone !== true) {
      if (this.#stretch?.isTold === true && this.#last !== null) this.#tell(this.#stretch, facts ?? this.#last, nowMs, 'ended')
      this.#stretch = null
      return
    }
    this.#last = facts
    if (this.#stretch === null) {
      const { writes, writtenBytes } = facts
      const name = `${this.parts().incarnation.slice(0, 8)}-${++this.#named}`
      this.#stretch = { name, beganMs: nowMs, writes, writtenBytes, tellAtMs: nowMs + TELL_AFTER_MS, isTold: false }
    }
    if (nowMs < this.#stretch.tellAtMs) return
    this.#tell(this.#stretch, facts, nowMs, 'goes-on')
    this.#stretch.tellAtMs = nowMs + (nowMs - this.#stretch.beganMs)
    this.#stretch.isTold = true
  }

  #tell(stretch: Stretch, { vm, term, writes, writtenBytes }: LoneFacts, nowMs: number, rule: 'goes-on' | 'ended'): void {
    const counted = { writes: writes - stretch.writes, writtenBytes: writtenBytes - stretch.writtenBytes }
    const seconds = Math.round((nowMs - stretch.beganMs) / 1000)
    this.parts().timeline.record({
      ...{ vm, act: SERVED_ALONE, rule },
      text: `The guest ${rule === 'ended' ? 'was' : 'is'} served by one replica alone: ${seconds} s, ${counted.writes} changes, ${counted.writtenBytes} bytes.`,
      evidence: { stretch: stretch.name, term, seconds, ...counted },
    })
  }
}
