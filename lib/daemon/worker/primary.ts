import { must } from '../../core/domain/assert'
import type { StoredClaim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { Members, Side } from '../../core/mirror/events'
import type { PeerAddress, WorkerSpec, WorkerVolume } from '../../wire/worker-api'
import { degradedText } from './degraded-text'
import { beginVerify } from './disk/begin-verify'
import { Disk } from './disk/disk'
import { Guest, type GuestLease } from './guest/guest'
import { whyKept } from './hand-over'
import { type HandOver, Holding } from './holding'
import type { WorkerParts } from './parts'
import { PeerTalk } from './peer/peer-talk'
import { PrimaryLockstep } from './primary-lockstep'
import { PrimaryNotes } from './primary-notes'
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
  readonly #notes: PrimaryNotes
  readonly lockstep: PrimaryLockstep

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    stored: StoredClaim | null,
    /** The claim is held elsewhere, and the guest is stopped: the process is to start again as the other side. */
    private readonly lost: () => void,
  ) {
    this.#guest = new Guest(parts, () => this.disks)
    this.#notes = new PrimaryNotes({
      ...{ timeline: parts.timeline, hostOf: (side) => this.#hostOf(side), disks: () => this.disks },
      vm: () => this.claim?.claim.vm ?? spec.vm,
      term: () => this.claim?.claim.term ?? null,
    })
    this.#serving = new Serving({
      ...{ guest: this.#guest, disks: () => this.disks, facts: () => this.#facts },
      wishes: { behaviour: spec.withoutQuorum ?? 'freeze', isPreferred: spec.isPreferredSurvivor ?? false },
      part: () => this.#part(),
      record: (act, rule, text) => this.#notes.record(act, rule, { text }),
    })
    this.#holding = new Holding(spec, parts, {
      changing: () => this.#tellGuest(),
      lease: (valid) => {
        this.#serving.lease(valid)
        this.lockstep.keeper?.lease(valid)
      },
      guests: (mayRun) => this.#serving.guests(mayRun),
      claimed: (volume, hosts) => this.#claimed(volume, hosts),
      memory: (wish) => this.lockstep.keeper?.claimed(wish),
      lost: (now, given) => void this.#spent(now, given),
    })
    this.lockstep = new PrimaryLockstep({
      ...{ parts, here: spec.host, guest: this.#guest, holding: this.#holding, notes: this.#notes },
      ...{ talk: () => this.#talk, disks: () => this.disks, term: () => this.term, degraded: () => this.degraded },
      peerHost: () => this.#peerHost(),
    })
    this.#talk = new PeerTalk(spec, parts, {
      ...{ disks: () => this.disks, term: () => this.term, guestActive: () => this.guestActive },
      vm: () => must(this.claim, 'a primary with a peer has a claim').claim.vm,
      promised: (askedAtMs) => this.#promised(askedAtMs),
      epoch: (report) => this.lockstep.keeper?.frame(report),
      down: (reason) => this.lockstep.keeper?.peerLost(reason),
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
        note: (of, effect) => {
          if (effect.act === 'replica-failed' && effect.side === 'local') this.lockstep.replicaFailed()
          this.#notes.note(of, effect)
        },
        hostOf: (side) => this.#hostOf(side),
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

  /** A guest may begin to run. */
  get mayStart(): boolean {
    return this.#serving.guestsMayRun && this.lockstep.mayStart
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
  protect(stored: StoredClaim, { peer, lockstep }: WorkerSpec): void {
    this.#hold(stored, null)
    for (const disk of this.disks) disk.track(true)
    this.setPeer(peer)
    this.lockstep.keeper?.want(lockstep ?? null)
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
    this.lockstep.keeper?.tick(nowMs)
  }

  /** Compares both replicas of every disk. */
  verify(repair: boolean): void {
    beginVerify(this.disks, repair, {
      vm: this.claim?.claim.vm ?? this.spec.id,
      hasClaim: this.claim !== null,
      degraded: this.degraded,
    })
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
    // A change that a process before this one has asked for may be stored yet; it made none before it took the claim.
    this.lockstep.begin(stored.claim.lockstep === null && (leaseFromMs !== null || this.spec.lockstep == null))
    this.lockstep.keeper?.want(this.spec.lockstep ?? null)
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

  #hostOf(side: Side): string {
    return side === 'local' ? this.spec.host : (this.#peerHost() ?? 'peer')
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
    if (hosts.every((host) => host === this.spec.host)) this.lockstep.keeper?.unlisted()
    this.disks.find((disk) => disk.volume.key === volume)?.claimed(this.#members(hosts))
  }

  /** Asked again while it is under way, it is the same request. */
  async handOver(to: HostUuid): Promise<HandOver> {
    const { guestActive, peerConnected, disks } = this
    const isPeer = to !== this.spec.host && to === this.#peerHost()
    const why = whyKept({ guestActive, isPeer, peerConnected, disks, inLockstep: this.lockstep.isBusy })
    if (why !== null) return { handedOver: false, why }
    this.#serving.quiet(true)
    const outcome = await this.#holding.handOver(to)
    if (!outcome.handedOver) this.#serving.quiet(false)
    return outcome
  }

  /** It is on its way to another host, or may be. */
  get handing(): Promise<unknown> | null {
    return this.#holding.handing
  }

  async #spent(now: StoredClaim | null, given: boolean): Promise<void> {
    this.#serving.spent()
    this.lockstep.keeper?.spent()
    const [holder, term] = [now?.claim.holder ?? null, now?.claim.term ?? 'none']
    if (given) {
      this.#talk.spent()
      this.#notes.record('claim-handed-over', 'asked-for', {
        text: `This host gave the claim to another one (term ${term}).`,
        holder,
      })
    } else
      this.#notes.record('claim-lost', 'term-spent', {
        text: `Another host holds the claim (term ${term}): this host stops the VM and its mirror.`,
        holder,
      })
    await this.#guest.end()
    this.lost()
  }

  // --- the end --------------------------------------------------------------------------------------------------------------

  /** Back to a mirror of one. Resolves when the witness has forgotten the claim, however often it must be asked. */
  async unprotect(): Promise<void> {
    await this.lockstep.end(() => this.#checkLocal())
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
    this.lockstep.close()
    await this.#talk.close('the worker ends')
    await Promise.all(this.disks.map((disk) => disk.close()))
  }
}
