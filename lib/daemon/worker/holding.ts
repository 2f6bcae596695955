import { must } from '../../core/domain/assert'
import type { StoredClaim } from '../../core/domain/claim'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import { HICCUP_MS, pauseMarginMs } from '../../core/domain/lease'
import type { MemoryWish } from '../../core/membership/memory-wish'
import { StoodStill } from '../../core/membership/stood-still'
import type { WorkerApi, WorkerSpec } from '../../wire/worker-api'
import { ClaimKeeper, unlessUnreachable } from './claim/claim-keeper'
import type { GuestLease } from './guest/guest'
import type { WorkerParts } from './parts'

export type HandOver = WorkerApi['hand-over']['answer']

export interface HoldingNeeds {
  /** Before the witness is asked for a change: guestLease() is what it will have to be by then. */
  readonly changing: () => void
  readonly lease: (valid: boolean) => void
  readonly guests: (mayRun: boolean) => void
  readonly claimed: (volume: VolumeKey, hosts: readonly HostUuid[]) => void
  /** The claim says so of the guest's memory, as it was asked to. */
  readonly memory: (wish: MemoryWish) => void
  /** Another host holds the claim, or nobody. `given`: this one gave it away. */
  readonly lost: (now: StoredClaim | null, given: boolean) => void
}

/** A witness that does not forget the claim when asked is asked again after so long. */
const LEAVE_AGAIN_MS = 100
/** Each request and each answer looks whether the lease still runs; the machine is asked only so often. */
const LEASE_CHECK_EVERY_MS = 5

/** The claim of a primary, from when it is held until it is lost, given up or handed over. */
export class Holding {
  #keeper: ClaimKeeper | null = null
  readonly #stoodStill = new StoodStill()
  #leaving = false
  #checkAtMs = 0
  #handing: { readonly to: HostUuid; readonly done: Promise<HandOver>; readonly over: (outcome: HandOver) => void } | null = null

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    private readonly needs: HoldingNeeds,
  ) {}

  get stored(): StoredClaim | null {
    return this.#keeper?.holder.stored ?? null
  }

  /** What is stored may be another one by now. */
  get changing(): boolean {
    return this.#keeper?.holder.changing ?? false
  }

  /** It is on its way to another host, or may be: nobody may begin to use the disks here. */
  get handing(): Promise<unknown> | null {
    return this.#handing?.done ?? null
  }

  /** `leaseFromMs`: see Holder. */
  hold(stored: StoredClaim, leaseFromMs: number | null): void {
    this.#leaving = false
    this.#keeper = new ClaimKeeper(this.spec.host, stored, leaseFromMs, this.parts, {
      changing: () => this.needs.changing(),
      lease: (valid) => this.needs.lease(valid),
      guests: (mayRun) => this.needs.guests(mayRun),
      claimed: (volume, hosts) => this.needs.claimed(volume, hosts),
      memory: (wish) => this.needs.memory(wish),
      notHandedOver: (rule) => this.#handed({ handedOver: false, why: rule }),
      spent: (now) => this.#spent(now),
    })
    this.tick(this.parts.clock.nowMs())
  }

  tick(nowMs: number): void {
    this.#look(nowMs)
    this.#keeper?.apply({ on: 'tick', nowMs })
  }

  /** As it will be when the next look is due: what is answered until then is answered under a lease that still runs. */
  checkLease(): void {
    const nowMs = this.parts.clock.nowMs()
    if (nowMs < this.#checkAtMs) return
    this.#look(nowMs)
    this.#checkAtMs = nowMs + LEASE_CHECK_EVERY_MS
    this.#keeper?.apply({ on: 'tick', nowMs: this.#checkAtMs })
  }

  /** While the machine was suspended, so was the clock by which the lease is counted. */
  #look(nowMs: number): void {
    if (this.#keeper === null || !this.#stoodStill.look(nowMs, this.parts.bootClock.nowMs())) return
    this.parts.log.warn('the machine was suspended: the lease counts no more until it is confirmed')
    this.#keeper.apply({ on: 'woke', nowMs })
  }

  /** Null where nobody else may run the guest. It is paused before the lease ends, or destroyed when it does. */
  guestLease(then: GuestLease['then']): GuestLease | null {
    const holder = this.#keeper?.holder
    if (holder === undefined) return null
    const { leaseUntilMs } = holder
    const marginMs = pauseMarginMs(holder.stored.claim.leaseMs)
    const untilMs = leaseUntilMs === null ? null : Math.max(0, leaseUntilMs - (then === 'pause' ? marginMs : 0))
    return { untilMs, then, pauseWithinMs: marginMs + HICCUP_MS }
  }

  want(volume: VolumeKey, hosts: readonly HostUuid[]): void {
    this.#keeper?.apply({ on: 'want', volume, hosts })
  }

  wantMemory(wish: MemoryWish): void {
    this.#keeper?.apply({ on: 'memory', wish })
  }

  promised(host: HostUuid, askedAtMs: number): void {
    this.#keeper?.apply({ on: 'peer-promise', host, askedAtMs })
  }

  /** Resolves when the claim is `to`'s, or stays here for certain. Nothing is answered meanwhile. */
  handOver(to: HostUuid): Promise<HandOver> {
    const keeper = must(this.#keeper, 'only a claim that is held is handed over')
    if (this.#handing?.to === to) return this.#handing.done
    if (this.#handing !== null || this.#leaving || keeper.holder.spent)
      return Promise.resolve({ handedOver: false, why: 'change-under-way' })
    let over: (outcome: HandOver) => void = () => undefined
    const done = new Promise<HandOver>((resolve) => (over = resolve))
    this.#handing = { to, done, over }
    keeper.apply({ on: 'hand-over', to })
    return done
  }

  /** Resolves when the witness has forgotten the claim, however often it must be asked. `check` throws when it must be kept. */
  async leave(check: () => void): Promise<void> {
    const keeper = must(this.#keeper, 'a protected VM has a claim')
    check()
    this.#leaving = true
    let seen = keeper.holder.stored
    for (;;) {
      const answer = await unlessUnreachable(this.parts.witness.remove(seen))
      if (answer?.stored === true || answer?.current === null) break
      await this.parts.timers.pause(LEAVE_AGAIN_MS)
      check()
      const [found, { stored }] = [answer?.current, keeper.holder]
      const isOurs = found?.claim.holder === stored.claim.holder && found.claim.term === stored.claim.term
      // Carried to another witness since, or changed on the way.
      seen = isOurs ? found : stored
    }
    this.end()
    this.#keeper = null
  }

  /** Nothing is renewed any more. */
  end(): void {
    this.#keeper?.end()
  }

  #handed(outcome: HandOver): void {
    this.#handing?.over(outcome)
    this.#handing = null
  }

  #spent(now: StoredClaim | null): void {
    // Forgotten because we asked for it; leave() hears so from the witness itself.
    if (now === null && this.#leaving) return
    const given = now !== null && now.claim.holder === this.#handing?.to
    // Answered before anything else: the process ends soon.
    this.#handed(given ? { handedOver: true, term: now.claim.term } : { handedOver: false, why: 'claim-lost' })
    this.needs.lost(now, given)
  }
}
