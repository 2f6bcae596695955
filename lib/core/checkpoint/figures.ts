import type { EpochEffect, EpochEvent } from './events'

/** How lockstep does; for people. Milliseconds and bytes; null: nothing is known yet. */
export interface EpochFigures {
  readonly epochsConfirmed: number
  /** From the asking for a pause to the guest's going on: the last hundred. */
  readonly pauseMedianMs: number | null
  readonly pauseP99Ms: number | null
  /** In the mean of the last hundred epochs. */
  readonly bytesPerEpoch: number | null
  /** From an epoch's first output to its leaving: the last hundred that had any. */
  readonly outputDelayMedianMs: number | null
  readonly outputDelayP99Ms: number | null
  /** '': it never did. */
  readonly leftBecause: string
}

const KEPT = 100

/** Listens to the machine of the primary's side; decides nothing. */
export class Figures {
  #confirmed = 0
  #askedAtMs = 0
  #leftBecause = ''
  readonly #pausesMs: number[] = []
  readonly #bytes: number[] = []
  readonly #delaysMs: number[] = []
  #outputAtMs: number | null = null
  readonly #outputOf = new Map<number, number>()

  get now(): EpochFigures {
    return {
      epochsConfirmed: this.#confirmed,
      ...{ pauseMedianMs: quantile(this.#pausesMs, 0.5), pauseP99Ms: quantile(this.#pausesMs, 0.99) },
      bytesPerEpoch: this.#bytes.length === 0 ? null : Math.round(sum(this.#bytes) / this.#bytes.length),
      ...{ outputDelayMedianMs: quantile(this.#delaysMs, 0.5), outputDelayP99Ms: quantile(this.#delaysMs, 0.99) },
      leftBecause: this.#leftBecause,
    }
  }

  happened(event: EpochEvent): void {
    if (event.on === 'captured') keep(this.#bytes, event.bytes)
    else if (event.on === 'resumed' && this.#askedAtMs > 0) {
      keep(this.#pausesMs, event.nowMs - this.#askedAtMs)
      this.#askedAtMs = 0
    } else if (event.on === 'output') this.#outputAtMs ??= event.nowMs
  }

  done(effect: EpochEffect, nowMs: number): void {
    if (effect.do === 'pause') this.#askedAtMs = nowMs
    else if (effect.do === 'begin') this.#begin()
    else if (effect.do === 'cut') this.#cut(effect.epoch)
    else if (effect.do === 'release') this.#released(effect.epoch, nowMs)
    else if (effect.do === 'tell' && effect.news.what === 'left') this.#leftBecause = effect.news.why
  }

  #begin(): void {
    this.#confirmed = 0
    this.#outputAtMs = null
    this.#outputOf.clear()
  }

  /** Again of the same epoch, when the pause before served for nothing. */
  #cut(epoch: number): void {
    if (this.#outputAtMs !== null && !this.#outputOf.has(epoch)) this.#outputOf.set(epoch, this.#outputAtMs)
    this.#outputAtMs = null
  }

  #released(upTo: number, nowMs: number): void {
    this.#confirmed = upTo + 1
    for (const [epoch, atMs] of this.#outputOf) {
      if (epoch > upTo) continue
      this.#outputOf.delete(epoch)
      keep(this.#delaysMs, nowMs - atMs)
    }
  }
}

function keep(values: number[], value: number): void {
  values.push(value)
  if (values.length > KEPT) values.shift()
}

const sum = (values: readonly number[]): number => values.reduce((whole, value) => whole + value, 0)

function quantile(values: readonly number[], share: number): number | null {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.ceil(share * sorted.length) - 1] ?? null
}
