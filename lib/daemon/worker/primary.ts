import { must } from '../../core/domain/assert'
import type { StoredClaim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { Members, MirrorEffect } from '../../core/mirror/events'
import type { PeerAddress, WorkerSpec, WorkerVolume } from '../../wire/worker-api'
import { ClaimKeeper, unlessUnreachable } from './claim-keeper'
import { Disk } from './disk'
import { domainsOf, GuestDomains } from './guest-domains'
import { noteText, ONLY_REPLICA_FAILED, onlyReplicaText, refusedText } from './note-text'
import type { WorkerParts } from './parts'
import { PeerTalk } from './peer-talk'

/** A witness that does not forget the claim when asked is asked again after so long. */
const LEAVE_AGAIN_MS = 100
/** Each request and each answer looks whether the lease still runs; the machine is asked only so often. */
const LEASE_CHECK_EVERY_MS = 5

/**
 * The side whose guest runs, or may run: serves the disks, mirrors them to the peer, keeps the claim. Without a claim (an
 * unprotected VM) it is a mirror of one.
 */
export class Primary {
  readonly disks: readonly Disk[]
  readonly #talk: PeerTalk
  readonly #domains: GuestDomains
  #keeper: ClaimKeeper | null = null
  #leaving = false
  #checkAtMs = 0
  #leaseValid = true
  /** The first confirmation of a lease is no event for the operator. */
  #everHeld = false

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    stored: StoredClaim | null,
    /** The claim is held elsewhere, and the guest is stopped: the process is to start again as the other side. */
    private readonly lost: () => void,
  ) {
    this.#domains = new GuestDomains(parts)
    this.#talk = new PeerTalk(spec, parts, {
      disks: () => this.disks,
      vm: () => must(this.claim, 'a primary with a peer has a claim').claim.vm,
      term: () => this.term,
      guestActive: () => this.guestActive,
      promised: (askedAtMs) => this.#promised(askedAtMs),
    })
    this.disks = spec.volumes.map((volume, index) => {
      const hosts = stored?.claim.upToDate[volume.key]
      const listed = hosts === undefined ? { local: true, peer: false } : this.#members(hosts)
      return new Disk(volume, index, listed, stored !== null, parts, {
        askPeer: (disk, op, request) => this.#talk.ask(disk, op, request),
        hintPeer: (disk, hint) => this.#talk.hint(disk, hint),
        checkLease: () => this.#checkLease(),
        propose: (of, members) => this.#propose(of, members),
        note: (of, effect) => this.#note(of, effect),
        hostOf: (side) => (side === 'local' ? spec.host : (this.#peerHost() ?? 'peer')),
      })
    })
  }

  get claim(): StoredClaim | null {
    return this.#keeper?.holder.stored ?? null
  }

  get term(): number {
    return this.claim?.claim.term ?? 0
  }

  get peerConnected(): boolean {
    return this.#talk.connected
  }

  get frozen(): boolean {
    return !this.#leaseValid || this.disks.some((disk) => disk.stalled)
  }

  get guestActive(): boolean {
    return this.disks.some((disk) => disk.active)
  }

  get degraded(): string {
    if (this.claim === null)
      return this.disks.every(({ replicas }) => replicas.local.state === 'member') ? '' : ONLY_REPLICA_FAILED
    if (!this.#leaseValid) return 'neither the peer nor the witness confirms the lease: the guest waits'
    if (!this.peerConnected) return this.#talk.absence
    const lacking = this.disks.filter((disk) => !disk.redundant)
    const [first] = lacking
    if (first === undefined) return ''
    const refused = first.replicas.peer.refused ?? first.replicas.local.refused
    if (refused !== null) return refusedText(refused.rule)
    if (first.resync(this.parts.clock.nowMs()) !== null) return 'a resync is under way'
    return first.replicas.local.state === 'member' ? 'the peer replica is not usable' : 'the local replica failed'
  }

  /** `leaseFromMs`: see Holder. */
  async open(stored: StoredClaim | null, leaseFromMs: number | null): Promise<void> {
    if (stored !== null) this.#hold(stored, leaseFromMs)
    await Promise.all(this.disks.map((disk) => disk.openLocal(this.term)))
    if (stored !== null) this.setPeer(this.spec.peer)
  }

  /** The claim of a VM whose disks are served already. */
  protect(stored: StoredClaim, peer: PeerAddress | null): void {
    this.#leaving = false
    this.#hold(stored, null)
    for (const disk of this.disks) disk.track(true)
    this.setPeer(peer)
  }

  setPeer(peer: PeerAddress | null): void {
    if (this.claim === null) return
    if (peer !== null) for (const { patience } of this.disks) patience.named(this.parts.clock.nowMs())
    this.#talk.dial(peer)
  }

  tick(nowMs: number): void {
    this.#keeper?.apply({ on: 'tick', nowMs })
    for (const disk of this.disks) disk.tick(nowMs)
    this.#talk.tick(nowMs)
  }

  /** Compares both replicas of every disk; asked again while that is under way, it is the same request. */
  verify(repair: boolean): void {
    const vm = this.claim?.claim.vm ?? this.spec.id
    if (this.claim === null || this.disks.some((disk) => !disk.redundant))
      throw new Refusal('HOLDFAST_NOT_REDUNDANT', { vm, reason: this.degraded || 'it has no second replica' })
    const running = this.disks.flatMap(({ comparing }) => comparing ?? [])
    if (running.some((each) => each.repair !== repair))
      throw new Refusal('HOLDFAST_VERIFY_UNDER_WAY', { vm, does: repair ? 'leaves' : 'repairs' })
    if (running.length > 0) return
    for (const disk of this.disks) disk.verify(repair)
  }

  /** Tells the peer at once whether a guest uses the disks, so that it knows what to restart. */
  guestChanged(): void {
    this.#talk.ping(this.parts.clock.nowMs())
  }

  // --- the claim --------------------------------------------------------------------------------------------------------

  #hold(stored: StoredClaim, leaseFromMs: number | null): void {
    this.#setLease(false)
    this.#keeper = new ClaimKeeper(this.spec.host, stored, leaseFromMs, this.parts, {
      lease: (valid) => this.#setLease(valid),
      claimed: (volume, hosts) => this.#claimed(volume, hosts),
      spent: (now) => void this.#spent(now),
    })
    this.#keeper.apply({ on: 'tick', nowMs: this.parts.clock.nowMs() })
  }

  #members(hosts: readonly HostUuid[]): Members {
    return { local: hosts.includes(this.spec.host), peer: hosts.some((host) => host !== this.spec.host) }
  }

  #propose(volume: WorkerVolume, members: Members): void {
    const peer = this.#peerHost()
    const hosts = [...(members.local ? [this.spec.host] : []), ...(members.peer ? [must(peer, 'a member has a host')] : [])]
    this.#keeper?.apply({ on: 'want', volume: volume.key, hosts })
  }

  /** The other host of the pair: as the daemon named it or, before it has, as the claim lists it. */
  #peerHost(): HostUuid | undefined {
    const listed = Object.values(this.claim?.claim.upToDate ?? {}).flat()
    return this.#talk.peer?.host ?? this.spec.peer?.host ?? listed.find((host) => host !== this.spec.host)
  }

  #promised(askedAtMs: number): void {
    const host = this.#peerHost()
    if (host !== undefined) this.#keeper?.apply({ on: 'peer-promise', host, askedAtMs })
  }

  /** As it will be when the next look is due: what is answered until then is answered under a lease that still runs. */
  #checkLease(): void {
    const nowMs = this.parts.clock.nowMs()
    if (nowMs < this.#checkAtMs) return
    this.#checkAtMs = nowMs + LEASE_CHECK_EVERY_MS
    this.#keeper?.apply({ on: 'tick', nowMs: this.#checkAtMs })
  }

  #claimed(volume: VolumeKey, hosts: readonly HostUuid[]): void {
    this.disks.find((disk) => disk.volume.key === volume)?.claimed(this.#members(hosts))
  }

  #setLease(valid: boolean): void {
    if (valid === this.#leaseValid) return
    this.#leaseValid = valid
    for (const disk of this.disks) disk.lease(valid)
    if (valid && !this.#everHeld) {
      this.#everHeld = true
      return
    }
    if (!this.#everHeld) return
    this.#record(valid ? 'guest-released' : 'guest-frozen', valid ? 'lease-confirmed' : 'neither-peer-nor-witness', {
      text: valid ? 'The lease is confirmed again: the guest goes on.' : 'The lease ran out unconfirmed: the guest waits.',
    })
    void (valid ? this.#domains.unpause() : this.#domains.pause(domainsOf(this.disks)))
  }

  async #spent(now: StoredClaim | null): Promise<void> {
    // Forgotten because we asked for it; unprotect() hears so from the witness itself.
    if (now === null && this.#leaving) return
    this.#record('claim-lost', 'term-spent', {
      text: `Another host holds the claim (term ${now?.claim.term ?? 'none'}): this host stops the VM and its mirror.`,
      holder: now?.claim.holder ?? null,
    })
    await this.#domains.destroy(domainsOf(this.disks))
    this.lost()
  }

  // --- the end --------------------------------------------------------------------------------------------------------------

  /** Back to a mirror of one. Resolves when the witness has forgotten the claim, however often it must be asked. */
  async unprotect(): Promise<void> {
    const keeper = must(this.#keeper, 'a protected VM has a claim')
    this.#checkLocal()
    this.#leaving = true
    for (;;) {
      const { claim, revision } = keeper.holder.stored
      const answer = await unlessUnreachable(this.parts.witness.remove(claim.vm, revision))
      if (answer?.stored === true || answer?.current === null) break
      await new Promise((resolve) => setTimeout(resolve, LEAVE_AGAIN_MS))
      this.#checkLocal()
    }
    keeper.end()
    this.#keeper = null
    await this.#talk.close('the VM is no longer protected')
    this.#leaseValid = true
    for (const disk of this.disks) {
      disk.claimed({ local: true, peer: false })
      disk.track(false)
      disk.lease(true)
    }
    await this.#domains.unpause()
  }

  /** The only copy that stays must be a whole one. */
  #checkLocal(): void {
    const lacking = this.disks.find((disk) => disk.replicas.local.state !== 'member')
    if (lacking === undefined) return
    const use = "served from the peer's replica, because the one on this host failed"
    throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: lacking.volume.key, use })
  }

  async close(): Promise<void> {
    this.#keeper?.end()
    await this.#talk.close('the worker ends')
    await Promise.all(this.disks.map((disk) => disk.close()))
  }

  // --- the timeline ---------------------------------------------------------------------------------------------------------

  #note({ key }: WorkerVolume, { act, rule, side, error }: Omit<Extract<MirrorEffect, { do: 'note' }>, 'do'>): void {
    const host = side === 'local' ? this.spec.host : (this.#peerHost() ?? 'peer')
    const disk = act === 'replica-refused' ? this.disks.find(({ volume }) => volume.key === key) : undefined
    const histories = disk === undefined ? {} : historiesOf(disk)
    const text = this.claim === null && act === 'replica-failed' ? onlyReplicaText(error) : noteText(act, rule, side, error)
    this.#record(act, rule, { text, volume: key, host, error, ...histories })
  }

  #record(act: string, rule: string, { text, ...evidence }: { text: string } & Record<string, string | null>): void {
    const vm = this.claim?.claim.vm ?? this.spec.vm
    this.parts.timeline.record({ vm, act, rule, text, evidence: { term: this.term, ...evidence } })
  }
}

/** What an operator needs to tell which of two contradicting replicas is wanted. */
function historiesOf({ replicas: { local, peer } }: Disk): Record<string, string> {
  const told = ({ generations: { current, bitmap } }: typeof local): string =>
    `current ${current || 'none'}, bitmap from ${bitmap || 'none'}`
  return { localHistory: told(local), peerHistory: told(peer) }
}
