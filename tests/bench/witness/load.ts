import { setTimeout as sleep } from 'node:timers/promises'
import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { WitnessPort } from '../../../lib/ports/witness'
import { latencies, type Latencies } from './latencies'

const numbered = (prefix: string, nth: number): string => `${prefix}-0000-4000-8000-${String(nth).padStart(12, '0')}`
const LEASE_MS = 1500
/** Requests of the set-up and of changes that are under way at once. */
const DEPTH = 32

/** A VM with one disk on two hosts, as most are. */
const claimNumber = (nth: number): Claim => ({
  vm: vmUuid(numbered('eeeeeeee', nth)),
  term: 1,
  holder: hostUuid(numbered('aaaaaaaa', nth % 64)),
  leaseMs: LEASE_MS,
  upToDate: {
    [volumeKey(numbered('dddddddd', nth))]: [
      hostUuid(numbered('aaaaaaaa', nth % 64)),
      hostUuid(numbered('aaaaaaaa', (nth + 1) % 64)),
    ],
  },
  lockstep: null,
})

/** The holders of many claims, spread over some connections. */
export class Load {
  readonly #claims: StoredClaim[] = []

  constructor(private readonly ports: readonly WitnessPort[]) {}

  async connected(): Promise<void> {
    await Promise.all(this.ports.map((port) => port.read(numbered('eeeeeeee', 0))))
  }

  async storeAll(count: number): Promise<void> {
    await this.#inTurn(count, async (nth) => {
      const claim = claimNumber(nth)
      const answer = await this.#portOf(nth).compareAndSwap(0, claim)
      if (!answer.stored) throw new Error(`claim ${nth} was refused: ${answer.why}`)
      this.#claims[nth] = { revision: answer.revision, claim }
    })
  }

  /** Every holder renews each `everyMs`, one after the other, whatever the answers take. */
  async renewEvery(everyMs: number, seconds: number): Promise<Latencies> {
    const tookMs: number[] = []
    const underWay: Promise<void>[] = []
    const begunMs = performance.now()
    const endMs = begunMs + seconds * 1000
    let due = 0
    for (let nowMs = begunMs; nowMs < endMs; nowMs = performance.now()) {
      const dueNow = ((nowMs - begunMs) / everyMs) * this.#claims.length
      for (; due < dueNow; due += 1) underWay.push(this.#renew(due % this.#claims.length, tookMs))
      await sleep(1)
    }
    await Promise.all(underWay)
    return latencies(tookMs, (performance.now() - begunMs) / 1000)
  }

  /** As many as it answers, `DEPTH` at once. */
  async renewFlatOut(seconds: number): Promise<Latencies> {
    return this.#flatOut(seconds, (nth, tookMs) => this.#renew(nth, tookMs))
  }

  /** Changes of claims, each durable before it is answered. */
  async changeFlatOut(seconds: number): Promise<Latencies> {
    return this.#flatOut(seconds, async (nth, tookMs) => {
      const { revision, claim } = this.#claim(nth)
      const next = { ...claim, leaseMs: LEASE_MS + 1 + (claim.leaseMs % 2) }
      const askedMs = performance.now()
      const answer = await this.#portOf(nth).compareAndSwap(revision, next)
      if (!answer.stored) throw new Error(`a change was refused: ${answer.why}`)
      tookMs.push(performance.now() - askedMs)
      this.#claims[nth] = { revision: answer.revision, claim: next }
    })
  }

  close(): void {
    for (const port of this.ports) port.close()
  }

  async #renew(nth: number, tookMs: number[]): Promise<void> {
    const { claim } = this.#claim(nth)
    const askedMs = performance.now()
    const answer = await this.#portOf(nth).renew(claim.vm, claim.term, claim.holder)
    if (!answer.renewed) throw new Error(`renewal ${nth} was refused`)
    tookMs.push(performance.now() - askedMs)
  }

  async #flatOut(seconds: number, act: (nth: number, tookMs: number[]) => Promise<void>): Promise<Latencies> {
    const tookMs: number[] = []
    const begunMs = performance.now()
    const endMs = begunMs + seconds * 1000
    const lanes = Math.min(DEPTH, this.#claims.length)
    // So that no two lanes ever meet in one claim.
    const used = this.#claims.length - (this.#claims.length % lanes)
    const lane = async (first: number): Promise<void> => {
      for (let nth = first; performance.now() < endMs; nth = (nth + lanes) % used) await act(nth, tookMs)
    }
    await Promise.all(Array.from({ length: lanes }, (_, nth) => lane(nth)))
    return latencies(tookMs, (performance.now() - begunMs) / 1000)
  }

  #claim(nth: number): StoredClaim {
    const stored = this.#claims[nth]
    if (stored === undefined) throw new Error(`there is no claim ${nth}`)
    return stored
  }

  #portOf(nth: number): WitnessPort {
    const port = this.ports[nth % this.ports.length]
    if (port === undefined) throw new Error('there is no connection')
    return port
  }

  async #inTurn(count: number, act: (nth: number) => Promise<void>): Promise<void> {
    let next = 0
    const lane = async (): Promise<void> => {
      while (next < count) await act(next++)
    }
    await Promise.all(Array.from({ length: DEPTH }, lane))
  }
}
