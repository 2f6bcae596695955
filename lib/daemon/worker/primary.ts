import { must } from '../../core/domain/assert'
import type { StoredClaim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { Members, MirrorEffect } from '../../core/mirror/events'
import type { ClaimKept, PeerAddress, WorkerSpec, WorkerVolume } from '../../wire/worker-api'
import { degradedText } from './degraded-text'
import { Disk } from './disk/disk'
import { Guest, type GuestLease } from './guest/guest'
import { type HandOver, Holding } from './holding'
import { historiesText, noteText, onlyReplicaText } from './note-text'
import type { WorkerParts } from './parts'
import { PeerTalk } from './peer/peer-talk'
import { Serving, type ServingFacts } from './serving'

/**
 * The side whose guest runs, or may run: serves the disks, mirrors them to the peer, keeps the claim. Without a claim (an
 * unprotected VM) it is a mirror of one.
 */
export class Primary {
  readonly disks: readonly Disk[]
  readonly #talk: PeerTalk
  readonly #guest: Guest
  readonly #serving: Serving
  readonly #holding: Holding

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    stored: StoredClaim | null,
    /** The claim is held elsewhere, and the guest is stopped: the process is to start again as the other side. */
    private readonly lost: () => void,
  ) {
    this.#guest = new Guest(parts, () => this.disks)
    this.#serving = new Serving({
      ...{ guest: this.#guest, disks: () => this.disks, facts: () => this.#facts },
      wishes: { behaviour: spec.withoutQuorum ?? 'freeze', isPreferred: spec.isPreferredSurvivor ?? false },
      part: () => this.#part(),
      record: (act, rule, text) => this.#record(act, rule, { text }),
    })
    this.#holding = new Holding(spec, parts, {
      changing: () => this.#tellGuest(),
      lease: (valid) => this.#serving.lease(valid),
      guests: (mayRun) => this.#serving.guests(mayRun),
      claimed: (volume, hosts) => this.#claimed(volume, hosts),
      lost: (now, given) => void this.#spent(now, given),
    })
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
        peerDigests: (disk, offset, length) => this.#talk.digests(disk, offset, length),
        hintPeer: (disk, hint) => this.#talk.hint(disk, hint),
        checkLease: () => this.#holding.checkLease(),
        propose: (of, members) => this.#propose(of, members),
        note: (of, effect) => this.#note(of, effect),
        hostOf: (side) => (side === 'local' ? spec.host : (this.#peerHost() ?? 'peer')),
      })
    })
  }

  get claim(): StoredClaim | null {
    return this.#holding.stored
  }

  get term(): number {
    return this.claim?.claim.term ?? 0
  }

  get peerConnected(): boolean {
    return this.#talk.connected
  }

  get guestsMayRun(): boolean {
    return this.#serving.guestsMayRun
  }

  get frozen(): boolean {
    return !this.#serving.guestsMayRun || this.disks.some((disk) => disk.stalled)
  }

  get guestActive(): boolean {
    return this.disks.some((disk) => disk.active)
  }

  get degraded(): string {
    const { disks } = this
    return degradedText({ disks, holding: this.#holding, serving: this.#serving, talk: this.#talk }, this.parts.clock.nowMs())
  }

  /** `leaseFromMs`: see Holder. */
  async open(stored: StoredClaim | null, leaseFromMs: number | null): Promise<void> {
    if (stored !== null) this.#hold(stored, leaseFromMs)
    await Promise.all(this.disks.map((disk) => disk.openLocal(this.term)))
    if (stored !== null) this.setPeer(this.spec.peer)
  }

  /** The claim of a VM whose disks are served already. */
  protect(stored: StoredClaim, peer: PeerAddress | null): void {
    this.#hold(stored, null)
    for (const disk of this.disks) disk.track(true)
    this.setPeer(peer)
  }

  setPeer(peer: PeerAddress | null): void {
    if (this.claim === null) return
    if (peer !== null) for (const { patience } of this.disks) patience.named(this.parts.clock.nowMs())
    this.#talk.dial(peer)
  }

  /** It gave the claim to this host. */
  peerBeginsAnew(): void {
    for (const { patience } of this.disks) patience.given(this.parts.clock.nowMs())
  }

  tick(nowMs: number): void {
    this.#holding.tick(nowMs)
    if (this.claim !== null) this.#serving.tick(nowMs)
    this.#guest.tick(nowMs, this.#guestLease)
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

  /** Tells the peer at once whether a guest uses the disks, so that it knows what to restart; and the watchdog, whom to stop. */
  guestChanged(): void {
    this.#tellGuest()
    this.#talk.ping(this.parts.clock.nowMs())
  }

  #tellGuest(): void {
    this.#guest.tick(this.parts.clock.nowMs(), this.#guestLease)
  }

  // --- the claim --------------------------------------------------------------------------------------------------------

  #hold(stored: StoredClaim, leaseFromMs: number | null): void {
    this.#serving.begin()
    this.#holding.hold(stored, leaseFromMs)
  }

  get #facts(): ServingFacts {
    const hasEveryWrite = this.disks.every(({ replicas }) => replicas.local.state === 'member')
    const hasParted = this.disks.every((disk) => disk.hasParted)
    const leaseMs = this.claim?.claim.leaseMs ?? 0
    return { hasEveryWrite, hasParted, leaseMs, heardAtMs: this.#talk.heardAtMs }
  }

  /** Once the link is down: what it was asked is known to be lost then. */
  #part(): void {
    if (this.peerConnected) return
    for (const disk of this.disks) if (!disk.hasParted) disk.claimed({ local: true, peer: false }, false)
  }

  get #guestLease(): GuestLease | null {
    const lease = this.#holding.guestLease(this.spec.withoutQuorum === 'stop' ? 'destroy' : 'pause')
    return lease !== null && this.#serving.isAlone ? { ...lease, untilMs: null } : lease
  }

  #members(hosts: readonly HostUuid[]): Members {
    return { local: hosts.includes(this.spec.host), peer: hosts.some((host) => host !== this.spec.host) }
  }

  #propose(volume: WorkerVolume, members: Members): void {
    const peer = this.#peerHost()
    const hosts = [...(members.local ? [this.spec.host] : []), ...(members.peer ? [must(peer, 'a member has a host')] : [])]
    this.#holding.want(volume.key, hosts)
  }

  /** The other host of the pair: as the daemon named it or, before it has, as the claim lists it. */
  #peerHost(): HostUuid | undefined {
    const listed = Object.values(this.claim?.claim.upToDate ?? {}).flat()
    return this.#talk.peer?.host ?? this.spec.peer?.host ?? listed.find((host) => host !== this.spec.host)
  }

  #promised(askedAtMs: number): void {
    const host = this.#peerHost()
    if (host !== undefined) this.#holding.promised(host, askedAtMs)
  }

  #claimed(volume: VolumeKey, hosts: readonly HostUuid[]): void {
    this.disks.find((disk) => disk.volume.key === volume)?.claimed(this.#members(hosts))
  }

  /** Asked again while it is under way, it is the same request. */
  async handOver(to: HostUuid): Promise<HandOver> {
    const why = this.#keeps(to)
    if (why !== null) return { handedOver: false, why }
    this.#serving.quiet(true)
    const outcome = await this.#holding.handOver(to)
    if (!outcome.handedOver) this.#serving.quiet(false)
    return outcome
  }

  /** Why the claim stays; null: it can be handed over. */
  #keeps(to: HostUuid): ClaimKept['why'] | null {
    if (this.guestActive) return 'guest-active'
    if (to === this.spec.host || to !== this.#peerHost()) return 'not-the-peer'
    if (!this.peerConnected) return 'peer-not-connected'
    if (this.disks.some(({ redundant, comparing }) => !redundant || comparing !== null)) return 'not-redundant'
    return null
  }

  /** It is on its way to another host, or may be. */
  get handing(): Promise<unknown> | null {
    return this.#holding.handing
  }

  async #spent(now: StoredClaim | null, given: boolean): Promise<void> {
    this.#serving.spent()
    const [holder, term] = [now?.claim.holder ?? null, now?.claim.term ?? 'none']
    if (given) {
      this.#talk.spent()
      this.#record('claim-handed-over', 'asked-for', { text: `This host gave the claim to another one (term ${term}).`, holder })
    } else
      this.#record('claim-lost', 'term-spent', {
        text: `Another host holds the claim (term ${term}): this host stops the VM and its mirror.`,
        holder,
      })
    await this.#guest.end()
    this.lost()
  }

  // --- the end --------------------------------------------------------------------------------------------------------------

  /** Back to a mirror of one. Resolves when the witness has forgotten the claim, however often it must be asked. */
  async unprotect(): Promise<void> {
    await this.#holding.leave(() => this.#checkLocal())
    await this.#talk.close('the VM is no longer protected')
    for (const disk of this.disks) {
      disk.claimed({ local: true, peer: false })
      disk.track(false)
    }
    this.#serving.end()
  }

  /** The only copy that stays must be a whole one. */
  #checkLocal(): void {
    const lacking = this.disks.find((disk) => disk.replicas.local.state !== 'member')
    if (lacking === undefined) return
    const use = "served from the peer's replica, because the one on this host failed"
    throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: lacking.volume.key, use })
  }

  async close(): Promise<void> {
    this.#holding.end()
    await this.#talk.close('the worker ends')
    await Promise.all(this.disks.map((disk) => disk.close()))
  }

  // --- the timeline ---------------------------------------------------------------------------------------------------------

  #note({ key }: WorkerVolume, { act, rule, side, error }: Omit<Extract<MirrorEffect, { do: 'note' }>, 'do'>): void {
    const host = side === 'local' ? this.spec.host : (this.#peerHost() ?? 'peer')
    const disk = act === 'replica-refused' ? this.disks.find(({ volume }) => volume.key === key) : undefined
    const histories = disk === undefined ? {} : historiesText(disk.replicas)
    const text = this.claim === null && act === 'replica-failed' ? onlyReplicaText(error) : noteText(act, rule, side, error)
    this.#record(act, rule, { text, volume: key, host, error, ...histories })
  }

  #record(act: string, rule: string, { text, ...evidence }: { text: string } & Record<string, string | null>): void {
    const vm = this.claim?.claim.vm ?? this.spec.vm
    this.parts.timeline.record({ vm, act, rule, text, evidence: { term: this.term, ...evidence } })
  }
}
