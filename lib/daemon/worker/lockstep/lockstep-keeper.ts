import type { ClaimedMemory, EpochNews } from '../../../core/checkpoint/events'
import { EPOCH_LIMITS } from '../../../core/checkpoint/epochs'
import { PACING } from '../../../core/checkpoint/pacing'
import type { MemoryWish } from '../../../core/membership/memory-wish'
import type { CheckpointPort } from '../../../ports/checkpoints'
import type { LockstepReport, LockstepSettings } from '../../../wire/lockstep'
import type { EpochReport } from '../../../wire/peer-epochs'
import type { WorkerParts } from '../parts'
import { PRIMARY_LIMITS, type PrimaryLimits } from './lockstep-needs'
import { LockstepPrimary } from './lockstep-primary'
import { newsEntry } from './news-text'
import type { EpochLink } from './outbox'

export interface LockstepKeeperNeeds {
  readonly parts: Pick<WorkerParts, 'clock' | 'timers' | 'log'>
  readonly checkpoints: CheckpointPort
  /** Of the only domain that uses the disks; null: there is none, or more than one. */
  readonly domid: () => string | null
  /** Null while the peer is not connected, or does not understand lockstep. */
  readonly link: () => EpochLink | null
  readonly term: () => number
  /** Why no run can begin at present, a sentence's end; '' when one can. */
  readonly hindrance: () => string
  /** The claim lists this host's replica of every disk: the peer's could be done without. */
  readonly isWhole: () => boolean
  /** Answered by `claimed`. */
  readonly want: (memory: ClaimedMemory, run: number) => void
  readonly answer: (when: 'local' | 'both') => void
  /** From now on the peer is not talked to: it lacks what the guest was told is done, until the claim does not list it. */
  readonly apart: (isApart: boolean) => void
  readonly record: (entry: ReturnType<typeof newsEntry>) => void
}

/** After a run that could not begin, or did not last, the next one is tried so much later, and each time twice as much. */
const AGAIN_FIRST_MS = 2000
const AGAIN_LONGEST_MS = 60_000
/** A run that stood for so long was a good one. */
const GOOD_RUN_MS = 10_000
const LOOK_EVERY_MS = 200

/** Keeps the guest of a primary in lockstep with its peer while that is wanted and can be. */
export class LockstepKeeper {
  #primary: LockstepPrimary
  #limits = PRIMARY_LIMITS
  #wanted: LockstepSettings | null = null
  #isBeginning = false
  #lookAtMs = 0
  #againAtMs = Number.NEGATIVE_INFINITY
  #againMs = AGAIN_FIRST_MS
  #enteredAtMs = 0
  #why = ''
  #isOver = false
  /** The run of a wish to be alone that became one for no memory. */
  #aloneByNone: number | null = null

  /** `fresh`: see EpochEvent. */
  constructor(
    private readonly needs: LockstepKeeperNeeds,
    fresh: boolean,
  ) {
    this.#primary = this.#made(fresh)
  }

  /** Before it, a guest that begins to run would send what nobody holds while a former one's memory counts. */
  get mayStart(): boolean {
    return this.#primary.life === 'alone'
  }

  /** Some run is under way, or is being ended. */
  get isBusy(): boolean {
    return !this.mayStart
  }

  /** Undefined: it is not wanted. */
  get report(): LockstepReport | undefined {
    if (this.#wanted === null && !this.isBusy) return undefined
    const { state, epochsConfirmed, pauseMedianMs, pauseP99Ms, bytesPerEpoch, heldBytes, ...rest } = this.#primary.status
    const { outputDelayMedianMs, outputDelayP99Ms } = rest
    const isKept = state === 'lockstep'
    return {
      ...{ isKept, state, why: isKept ? '' : this.#hindrance, epochsConfirmed, pauseMedianMs, pauseP99Ms },
      ...{ bytesPerEpoch, outputDelayMedianMs, outputDelayP99Ms, heldBytes },
    }
  }

  want(wanted: LockstepSettings | null): void {
    this.#wanted = wanted
    this.#againMs = AGAIN_FIRST_MS
    this.#againAtMs = Number.NEGATIVE_INFINITY
    if (wanted === null) this.leave('it is not wanted any more')
    else if (!sameLimits(limitsOf(wanted), this.#limits)) this.leave('its settings were changed')
  }

  tick(nowMs: number): void {
    if (this.#wanted === null || this.isBusy || this.#isBeginning || nowMs < Math.max(this.#lookAtMs, this.#againAtMs)) return
    this.#lookAtMs = nowMs + LOOK_EVERY_MS
    if (this.needs.hindrance() === '') void this.#begin(this.#wanted)
  }

  frame(frame: EpochReport): void {
    this.#primary.frame(frame)
  }

  claimed({ memory, run }: MemoryWish): void {
    const isAlone = memory === 'alone' || (memory === 'none' && run === this.#aloneByNone)
    this.#aloneByNone = null
    this.#primary.claimed(isAlone ? 'alone' : memory, run)
    if (isAlone) this.needs.apart(false)
  }

  /** The claim lists nobody but this host, for some disk. */
  unlisted(): void {
    this.#primary.unlisted()
  }

  /** Before the mirrors hear of it. */
  peerLost(error: string): void {
    this.#primary.peerLost(error)
  }

  leave(why: string): void {
    this.#primary.leave(why)
  }

  lease(valid: boolean): void {
    this.#primary.lease(valid)
  }

  spent(): void {
    this.#primary.spent()
  }

  close(): void {
    this.#isOver = true
    this.#primary.close()
  }

  get #hindrance(): string {
    if (this.isBusy) return `it is on its way (${this.#primary.life})`
    return this.needs.hindrance() || this.#why || 'it begins soon'
  }

  async #begin(wanted: LockstepSettings): Promise<void> {
    const limits = limitsOf(wanted)
    if (!sameLimits(limits, this.#limits)) {
      this.#primary.close()
      this.#limits = limits
      this.#primary = this.#made(true)
    }
    this.#isBeginning = true
    const why = await this.#primary.begin()
    this.#isBeginning = false
    if (why !== '' && !this.#isOver) this.#notNow(why)
  }

  #notNow(why: string): void {
    if (why !== this.#why) this.needs.parts.log.warn('no lockstep yet', { why })
    this.#why = why
    this.#againAtMs = this.needs.parts.clock.nowMs() + this.#againMs
    this.#againMs = Math.min(2 * this.#againMs, AGAIN_LONGEST_MS)
  }

  #made(fresh: boolean): LockstepPrimary {
    const { parts, checkpoints, domid, link, term, answer } = this.needs
    const ofGuest = async <T>(act: (id: string) => Promise<T | null>): Promise<T | null> => {
      const id = domid()
      return id === null ? null : act(id)
    }
    return new LockstepPrimary(
      {
        ...{ clock: parts.clock, timers: parts.timers, link, term, answer },
        openCapture: () => ofGuest((id) => checkpoints.openCapture(id)),
        holdOutput: (events) => ofGuest((id) => checkpoints.holdOutput(id, events)),
        newRun: () => checkpoints.newRun(),
        claim: (memory, run) => this.#claim(memory, run),
        // Whoever heard that the term is spent ends the guest.
        destroy: () => undefined,
        tell: (news) => this.#told(news),
        note: (text, error) => parts.log.warn(text, { error }),
      },
      fresh,
      this.#limits,
    )
  }

  /** Where only the peer has every write it cannot be left out: it has to begin anew by itself, as it does with each conversation. */
  #claim(memory: ClaimedMemory, run: number): void {
    if (memory !== 'alone') this.needs.want(memory, run)
    else if (this.needs.isWhole()) {
      this.needs.apart(true)
      this.needs.want(memory, run)
    } else {
      this.#aloneByNone = run
      this.needs.want('none', run)
    }
  }

  #told(news: EpochNews): void {
    this.needs.record(newsEntry(news))
    const nowMs = this.needs.parts.clock.nowMs()
    if (news.what === 'lockstep') {
      this.#enteredAtMs = nowMs
      this.#why = ''
    } else if (news.what === 'left') {
      if (this.#enteredAtMs > 0 && nowMs >= this.#enteredAtMs + GOOD_RUN_MS) this.#againMs = AGAIN_FIRST_MS
      this.#enteredAtMs = 0
      this.#notNow(news.why)
    }
  }
}

function limitsOf({ intervalMinMs, intervalMaxMs }: LockstepSettings): PrimaryLimits {
  const pacing = {
    ...PACING,
    ...(intervalMinMs === undefined ? {} : { intervalMinMs }),
    ...(intervalMaxMs === undefined ? {} : { intervalMaxMs }),
  }
  return { ...PRIMARY_LIMITS, epochs: { ...EPOCH_LIMITS, pacing } }
}

const sameLimits = ({ epochs: { pacing: a } }: PrimaryLimits, { epochs: { pacing: b } }: PrimaryLimits): boolean =>
  a.intervalMinMs === b.intervalMinMs && a.intervalMaxMs === b.intervalMaxMs
