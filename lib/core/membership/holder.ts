/**
 * The claim of one VM as its holder keeps it: renews the lease, changes `upToDate` as the mirrors want it, and says when nothing
 * may be answered. Compare-and-swap outcomes that are not known are read again before anything is concluded.
 *
 * Must never: report a lease as valid that another host may already have outwaited; report a change as stored that may not be.
 */
import { assert } from '../domain/assert'
import { type Claim, isUpToDateEverywhere, NOT_STORED, type StoredClaim } from '../domain/claim'
import type { HostUuid, VolumeKey } from '../domain/ids'
import { pauseMarginMs, renewEveryMs } from '../domain/lease'
import { type MemoryWish, MemoryWishes } from './memory-wish'

export type HolderEvent =
  | { readonly on: 'tick'; readonly nowMs: number }
  /** The mirrors' wish for one disk. */
  | { readonly on: 'want'; readonly volume: VolumeKey; readonly hosts: readonly HostUuid[] }
  | { readonly on: 'swapped'; readonly revision: number }
  /** The witness refused: this is what it has. */
  | { readonly on: 'stored'; readonly stored: StoredClaim | null }
  /** No answer to a read or a compare-and-swap: it may have been done or not. */
  | { readonly on: 'unknown' }
  /** `askedAtMs`: when the request was sent, on our clock. */
  | { readonly on: 'renewed'; readonly askedAtMs: number }
  | { readonly on: 'renewal-refused'; readonly stored: StoredClaim | null }
  | { readonly on: 'renewal-lost' }
  /** The only other up-to-date host answered a ping that was sent at `askedAtMs`: it promises not to take the claim for a lease. */
  | { readonly on: 'peer-promise'; readonly host: HostUuid; readonly askedAtMs: number }
  /**
   * Give the claim to another up-to-date host, which is to run the VM from then on. Asked for only while no guest uses the disks; no lease
   * is waited for, because nothing is answered any more once this was heard.
   */
  | { readonly on: 'hand-over'; readonly to: HostUuid }
  /** What the claim is to say of the guest's memory; told by `memory` when it is stored, unless another wish follows. */
  | { readonly on: 'memory'; readonly wish: MemoryWish }
  /** The machine was suspended, and our clock with it: what was asked before is no promise any more. */
  | { readonly on: 'woke'; readonly nowMs: number }

export type HolderEffect =
  | { readonly do: 'renew' }
  | { readonly do: 'swap'; readonly expected: number; readonly next: Claim }
  | { readonly do: 'read' }
  /** Whether anything may be answered. */
  | { readonly do: 'lease'; readonly valid: boolean }
  /** Whether the guest's vCPUs may run: no more from pauseMarginMs before the lease ends, so that they stand still when it does. */
  | { readonly do: 'guests'; readonly mayRun: boolean }
  | { readonly do: 'claimed'; readonly volume: VolumeKey; readonly hosts: readonly HostUuid[] }
  | { readonly do: 'memory'; readonly wish: MemoryWish }
  /** The claim stays here, and everything goes on as before. */
  | { readonly do: 'not-handed-over'; readonly rule: 'change-under-way' | 'not-up-to-date' | 'swap-refused' }
  /** Another host holds it now, or it is gone: this host must stop the VM. */
  | { readonly do: 'spent'; readonly stored: StoredClaim | null }

export class Holder {
  #stored: StoredClaim
  readonly #wanted = new Map<VolumeKey, readonly HostUuid[]>()
  readonly #memory = new MemoryWishes()
  #asking: 'nothing' | 'swap' | 'read' = 'nothing'
  /** While the swap that gives the claim away is under way. */
  #handingTo: HostUuid | null = null
  #renewing = false
  #leaseUntilMs: number
  #nowMs: number
  #wokeAtMs = Number.NEGATIVE_INFINITY
  #nextRenewalMs: number
  #valid = false
  #guestsMayRun = false
  #spent = false
  #out: HolderEffect[] = []

  /**
   * `leaseFromMs`: when the request was sent that took the claim. Null for one that was only read: the witness may have last
   * heard its holder long ago, so the lease begins with the first renewal.
   */
  constructor(
    readonly self: HostUuid,
    stored: StoredClaim,
    leaseFromMs: number | null,
  ) {
    assert(stored.claim.holder === self, 'a holder holds the claim')
    this.#stored = stored
    this.#next = stored.claim
    this.#nowMs = this.#nextRenewalMs = leaseFromMs ?? Number.NEGATIVE_INFINITY
    this.#leaseUntilMs = this.#nowMs + stored.claim.leaseMs
    for (const [volume, hosts] of this.#volumes()) this.#wanted.set(volume, hosts)
  }

  get stored(): StoredClaim {
    return this.#stored
  }

  /** A change of ours is under way, or the claim is being carried: what the witness has stored is not known. */
  get changing(): boolean {
    return this.#asking !== 'nothing'
  }

  get leaseValid(): boolean {
    return this.#valid
  }

  /** When it ends unless something is heard until then, on our clock; null: while nobody else may take the claim, never. */
  get leaseUntilMs(): number | null {
    if (this.#spent || this.#handingTo !== null) return Number.NEGATIVE_INFINITY
    return this.others.length === 0 ? null : this.#leaseUntilMs
  }

  get spent(): boolean {
    return this.#spent
  }

  apply(event: HolderEvent): readonly HolderEffect[] {
    this.#out = []
    if (this.#spent) return this.#out
    switch (event.on) {
      case 'tick':
        this.#nowMs = Math.max(this.#nowMs, event.nowMs)
        break
      case 'want':
        assert(event.hosts.length > 0, 'somebody is up-to-date')
        this.#wanted.set(event.volume, event.hosts)
        if (sameHosts(this.#hosts(event.volume), event.hosts) && this.#asking === 'nothing') this.#tell(event.volume)
        break
      case 'swapped': {
        assert(this.#asking === 'swap', 'an answer was asked for')
        this.#asking = 'nothing'
        this.#learn({ revision: event.revision, claim: this.#next })
        break
      }
      case 'stored':
        this.#asking = 'nothing'
        this.#learn(event.stored)
        break
      case 'unknown':
        this.#read()
        break
      case 'renewed':
        this.#renewing = false
        this.#extend(event.askedAtMs)
        break
      case 'renewal-refused':
        this.#renewing = false
        this.#learnFromRenewal(event.stored)
        break
      case 'renewal-lost':
        this.#renewing = false
        break
      case 'peer-promise':
        if (this.others.every((host) => host === event.host)) this.#extend(event.askedAtMs)
        break
      case 'woke':
        this.#wokeAtMs = event.nowMs
        this.#nowMs = Math.max(this.#nowMs, event.nowMs)
        this.#leaseUntilMs = Number.NEGATIVE_INFINITY
        break
      case 'hand-over':
        this.#handOver(event.to)
        break
      case 'memory':
        this.#memory.hear(event.wish, this.#stored.revision)
        break
    }
    if (!this.spent) this.#upkeep()
    return this.#out
  }

  #next: Claim

  #upkeep(): void {
    if (!this.#renewing && this.#nowMs >= this.#nextRenewalMs) {
      this.#renewing = true
      this.#nextRenewalMs = this.#nowMs + renewEveryMs(this.#stored.claim.leaseMs)
      this.#out.push({ do: 'renew' })
    }
    if (this.#handingTo !== null) return
    if (this.#asking === 'nothing' && this.#stored.revision === NOT_STORED) this.#read()
    if (this.#asking === 'nothing') this.#change()
    // Where nobody else is up-to-date, nobody may take the claim, lease or not.
    const isAlone = this.others.length === 0
    this.#allow(isAlone || this.#nowMs < this.#leaseUntilMs, isAlone || this.#nowMs < this.#leaseUntilMs - this.#marginMs)
  }

  #change(): void {
    const upToDate = { ...this.#stored.claim.upToDate }
    for (const [volume, hosts] of this.#wanted) upToDate[volume] = [...hosts]
    const memory = this.#memory.next(upToDate, this.self)
    if (memory !== undefined || this.#differs()) this.#swap({ ...this.#stored.claim, upToDate, ...memory })
  }

  #handOver(to: HostUuid): void {
    const { claim } = this.#stored
    assert(to !== this.self, 'it is given to another host')
    // A run ends by a change of the claim, behind which the other host's disks have every write.
    const isBusy = this.#asking !== 'nothing' || this.#differs() || claim.lockstep !== null
    if (isBusy || !isUpToDateEverywhere(claim, to)) {
      this.#out.push({ do: 'not-handed-over', rule: isBusy ? 'change-under-way' : 'not-up-to-date' })
      return
    }
    this.#handingTo = to
    // Before the swap leaves: where it arrives, the other host holds the claim at once.
    this.#allow(false, false)
    this.#swap({ ...claim, term: claim.term + 1, holder: to })
  }

  #read(): void {
    this.#asking = 'read'
    this.#out.push({ do: 'read' })
  }

  #swap(next: Claim): void {
    this.#next = next
    this.#asking = 'swap'
    this.#out.push({ do: 'swap', expected: this.#stored.revision, next })
  }

  #allow(valid: boolean, guestsMayRun: boolean): void {
    if (this.#guestsMayRun && !guestsMayRun) this.#out.push({ do: 'guests', mayRun: false })
    if (valid !== this.#valid) this.#out.push({ do: 'lease', valid })
    if (guestsMayRun && !this.#guestsMayRun) this.#out.push({ do: 'guests', mayRun: true })
    this.#valid = valid
    this.#guestsMayRun = guestsMayRun
  }

  /**
   * Other hosts that could take the claim: up-to-date for some disk (for every disk would do; this errs on the safe side) in what
   * is stored, or in what may be stored by now.
   */
  get others(): HostUuid[] {
    const claims = this.#asking === 'nothing' ? [this.#stored.claim] : [this.#stored.claim, this.#next]
    return [...new Set(claims.flatMap(({ upToDate }) => Object.values(upToDate).flat()))].filter((host) => host !== this.self)
  }

  get #marginMs(): number {
    return pauseMarginMs(this.#stored.claim.leaseMs)
  }

  #extend(askedAtMs: number): void {
    if (askedAtMs < this.#wokeAtMs) return
    this.#leaseUntilMs = Math.max(this.#leaseUntilMs, askedAtMs + this.#stored.claim.leaseMs)
  }

  #learn(stored: StoredClaim | null): void {
    if (stored?.claim.holder !== this.self || stored.claim.term !== this.#stored.claim.term) {
      this.#spent = true
      this.#allow(false, false)
      this.#out.push({ do: 'spent', stored })
      return
    }
    if (this.#handingTo !== null) this.#out.push({ do: 'not-handed-over', rule: 'swap-refused' })
    this.#handingTo = null
    this.#accept(stored)
  }

  /** While a change of ours is under way, its own answer tells; a renewal only tells whether we still hold. */
  #learnFromRenewal(stored: StoredClaim | null): void {
    const ours = stored?.claim.holder === this.self && stored.claim.term === this.#stored.claim.term
    if (!ours || this.#asking === 'nothing') this.#learn(stored)
  }

  #accept(stored: StoredClaim): void {
    this.#stored = stored
    for (const [volume] of this.#volumes()) this.#tell(volume)
    const wish = this.#memory.fulfilled(stored)
    if (wish !== null) this.#out.push({ do: 'memory', wish })
  }

  #tell(volume: VolumeKey): void {
    this.#out.push({ do: 'claimed', volume, hosts: this.#hosts(volume) })
  }

  #differs(): boolean {
    return [...this.#wanted].some(([volume, hosts]) => !sameHosts(hosts, this.#hosts(volume)))
  }

  #hosts(volume: VolumeKey): readonly HostUuid[] {
    return this.#stored.claim.upToDate[volume] ?? []
  }

  #volumes(): [VolumeKey, readonly HostUuid[]][] {
    return Object.entries(this.#stored.claim.upToDate) as [VolumeKey, readonly HostUuid[]][]
  }
}

const sameHosts = (a: readonly HostUuid[], b: readonly HostUuid[]): boolean =>
  a.length === b.length && a.every((host) => b.includes(host))
