import type { LeaseTold } from '../../../ports/lease-notes'
import { DomainHold } from './domain-hold'
import { domainsOf, type Served } from './guest-domains'
import type { WorkerParts } from '../parts'
import { endDomains } from './spent-guest'

/** At least; each later deadline is told at once. */
const TELL_EVERY_MS = 500

/** As the watchdog is told of it. */
export type GuestLease = Pick<LeaseTold, 'untilMs' | 'then' | 'pauseWithinMs'>

/** The domains that use a primary's disks: whether their vCPUs run, and what the watchdog of this host is told of them. */
export class Guest {
  readonly #holds = new Map<string, DomainHold>()
  #mayRun = true
  /** A process before this one had a lease until then: it is ours to use up. */
  #standFromMs: number
  #isOver = false
  /** Domains that are ended here, although the claim is this host's. */
  readonly #ended = new Set<string>()
  #lease: GuestLease | null = null
  #hasNote: boolean
  #told = ''
  #toldAtMs = Number.NEGATIVE_INFINITY

  constructor(
    private readonly parts: WorkerParts,
    private readonly disks: () => readonly Served[],
  ) {
    const { left } = parts.leases
    this.#standFromMs = left?.untilMs ?? Number.NEGATIVE_INFINITY
    this.#hasNote = left !== null
  }

  /** Nothing has been confirmed yet, by anybody. */
  waits(): void {
    this.#mayRun = false
  }

  run(): void {
    this.#mayRun = true
    this.#hold(this.parts.clock.nowMs())
  }

  /** The watchdog knows of it before it is done: whoever comes after this process has to undo it. */
  stand(): void {
    this.#mayRun = false
    this.#standFromMs = Number.NEGATIVE_INFINITY
    this.tick(this.parts.clock.nowMs(), this.#lease)
  }

  /** `lease`: null where nobody else may run the guest, as without a claim. It is told before this returns. */
  tick(nowMs: number, lease: GuestLease | null): void {
    if (this.#isOver) return
    this.#lease = lease
    this.#tell(nowMs)
    this.#hold(nowMs)
  }

  /** Another host may start it: it is ended here, and nothing else is done to it any more. */
  async end(): Promise<void> {
    this.#isOver = true
    await endDomains(domainsOf(this.disks()), this.parts)
  }

  /** Ended for want of a lease; another domain may come when there is one. */
  async stop(): Promise<void> {
    const domids = this.#domids
    for (const domid of domids) this.#ended.add(domid)
    this.#hasNote = false
    await endDomains(domids, this.parts)
  }

  /** Some domain uses the disks. */
  get isThere(): boolean {
    return this.#domids.size > 0
  }

  /** Null: there is none, or more than one. */
  get onlyDomid(): string | null {
    const [domid, ...others] = this.#domids
    return domid === undefined || others.length > 0 ? null : domid
  }

  get #domids(): Set<string> {
    const domids = domainsOf(this.disks())
    for (const domid of this.#ended) domids.delete(domid)
    return domids
  }

  #hold(nowMs: number): void {
    const domids = this.#domids
    for (const domid of this.#holds.keys()) if (!domids.has(domid)) this.#holds.delete(domid)
    if (!this.#mayRun && nowMs < this.#standFromMs) return
    for (const domid of domids) this.#holdOf(domid).tick(nowMs, this.#mayRun)
  }

  #holdOf(domid: string): DomainHold {
    const { left } = this.parts.leases
    const hold =
      this.#holds.get(domid) ?? new DomainHold(domid, this.parts, left?.isPaused === true && left.domids.includes(domid))
    this.#holds.set(domid, hold)
    return hold
  }

  #tell(nowMs: number): void {
    const { leases } = this.parts
    const domids = this.#domids
    if (domids.size === 0 || this.#lease === null) {
      if (this.#hasNote) leases.forget()
      this.#hasNote = false
      this.#told = ''
      return
    }
    const isPaused = !this.#mayRun || [...this.#holds.values()].some(({ isHeld }) => isHeld)
    const lease: LeaseTold = { ...this.#lease, domids: [...domids], isPaused }
    // What the process before told stands until it is over: told once more, it would look as if it had been confirmed.
    if (lease.untilMs !== null && lease.untilMs <= nowMs && nowMs < this.#standFromMs) return
    const told = JSON.stringify(lease)
    if (told === this.#told && nowMs < this.#toldAtMs + TELL_EVERY_MS) return
    this.#told = told
    this.#toldAtMs = nowMs
    this.#hasNote = true
    if (leases.tell(lease)) for (const domid of domids) this.#holdOf(domid).pausedElsewhere()
  }
}
