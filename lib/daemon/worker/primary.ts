import { must } from '../../core/domain/assert'
import type { StoredClaim } from '../../core/domain/claim'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { Members, MirrorEffect } from '../../core/mirror/events'
import type { PeerEndpoint } from '../../ports/peer-connect'
import type { PeerLink } from '../../ports/peer-link'
import type { PeerFrame, Welcome } from '../../wire/peer'
import type { PeerAddress, WorkerSpec, WorkerVolume } from '../../wire/worker-api'
import { ClaimKeeper } from './claim-keeper'
import { Disk } from './disk'
import type { WorkerParts } from './parts'

/** A ping every so often keeps the peer's promise fresh: a lease holds seven of them. */
const PING_EVERY_MS = 200

/**
 * The side whose guest runs, or may run: serves the disks, mirrors them to the peer, keeps the claim. Without a claim (an
 * unprotected VM) it is a mirror of one.
 */
export class Primary {
  readonly disks: readonly Disk[]
  #keeper: ClaimKeeper | null = null
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  #peer: PeerAddress | null = null
  #welcome: Welcome | null = null
  readonly #asked = new Map<number, { disk: Disk; op: number }>()
  #nextSeq = 1
  readonly #pings = new Map<number, number>()
  #nextPing = 1
  #pingAtMs = 0
  #pausedDomains = new Set<string>()
  /** One at a time and in order: an unpause that overtakes its pause leaves the guest paused for ever. */
  #holding: Promise<void> = Promise.resolve()
  #leaseValid = true
  /** The first confirmation of a lease is no event for the operator. */
  #everHeld = false

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    stored: StoredClaim | null,
  ) {
    this.disks = spec.volumes.map((volume, index) => {
      const hosts = stored?.claim.upToDate[volume.key]
      const listed = hosts === undefined ? { local: true, peer: false } : this.#members(hosts)
      return new Disk(volume, index, listed, parts, {
        sendPeer: (frame) => this.#link?.send(frame),
        nextSeq: (disk, op) => this.#ask(disk, op),
        term: () => this.term,
        propose: (of, members) => this.#propose(of, members),
        note: (of, effect) => this.#note(of, effect),
        names: { local: spec.host, peer: spec.peer?.host ?? 'peer' },
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
    return this.#welcome !== null
  }

  get frozen(): boolean {
    return !this.#leaseValid || this.disks.some((disk) => disk.stalled)
  }

  get guestActive(): boolean {
    return this.disks.some((disk) => disk.active)
  }

  get degraded(): string {
    if (this.claim === null) return ''
    if (!this.#leaseValid) return 'neither the peer nor the witness confirms the lease: the guest waits'
    if (this.#welcome === null) return 'the peer is not connected'
    const lacking = this.disks.filter((disk) => !disk.redundant)
    const [first] = lacking
    if (first === undefined) return ''
    if (first.resync(this.parts.clock.nowMs()) !== null) return 'a resync is under way'
    return first.replicas.local.state === 'member' ? 'the peer replica is not usable' : 'the local replica failed'
  }

  /** `heardAtMs`: when the request was sent whose answer showed that the claim is ours. */
  async open(stored: StoredClaim | null, heardAtMs: number): Promise<void> {
    if (stored !== null) this.#hold(stored, heardAtMs)
    await Promise.all(this.disks.map((disk) => disk.openLocal()))
    for (const disk of this.disks) await disk.saveLocal({ term: this.term })
    if (stored !== null) this.setPeer(this.spec.peer)
  }

  /** The claim of a VM whose disks are served already. */
  protect(stored: StoredClaim, heardAtMs: number, peer: PeerAddress | null): void {
    this.#hold(stored, heardAtMs)
    this.setPeer(peer)
  }

  #hold(stored: StoredClaim, heardAtMs: number): void {
    this.#setLease(false)
    this.#keeper = new ClaimKeeper(this.spec.host, stored, heardAtMs, this.parts, {
      lease: (valid) => this.#setLease(valid),
      claimed: (volume, hosts) => this.#claimed(volume, hosts),
      spent: (now) => void this.#spent(now),
    })
    this.#keeper.apply({ on: 'tick', nowMs: this.parts.clock.nowMs() })
  }

  #members(hosts: readonly HostUuid[]): Members {
    return { local: hosts.includes(this.spec.host), peer: hosts.some((host) => host !== this.spec.host) }
  }

  tick(nowMs: number): void {
    this.#keeper?.apply({ on: 'tick', nowMs })
    for (const disk of this.disks) disk.tick(nowMs)
    if (nowMs >= this.#pingAtMs + PING_EVERY_MS) this.#ping(nowMs)
  }

  // --- the claim --------------------------------------------------------------------------------------------------------

  #propose(volume: WorkerVolume, members: Members): void {
    const peer = this.#peerHost()
    const hosts = [...(members.local ? [this.spec.host] : []), ...(members.peer ? [must(peer, 'a member has a host')] : [])]
    this.#keeper?.apply({ on: 'want', volume: volume.key, hosts })
  }

  /** The other host of the pair: as the daemon named it or, before it has, as the claim lists it. */
  #peerHost(): HostUuid | undefined {
    const listed = Object.values(this.claim?.claim.upToDate ?? {}).flat()
    return this.#peer?.host ?? this.spec.peer?.host ?? listed.find((host) => host !== this.spec.host)
  }

  #claimed(volume: VolumeKey, hosts: readonly HostUuid[]): void {
    this.disks.find((disk) => disk.volume.key === volume)?.apply({ on: 'claimed', members: this.#members(hosts) })
  }

  #setLease(valid: boolean): void {
    if (valid === this.#leaseValid) return
    this.#leaseValid = valid
    for (const disk of this.disks) disk.apply({ on: 'lease', valid })
    if (valid && !this.#everHeld) {
      this.#everHeld = true
      return
    }
    if (!this.#everHeld) return
    this.#record(valid ? 'guest-released' : 'guest-frozen', valid ? 'lease-confirmed' : 'neither-peer-nor-witness', {
      text: valid ? 'The lease is confirmed again: the guest goes on.' : 'The lease ran out unconfirmed: the guest waits.',
    })
    this.#holding = this.#holding.then(() => this.#holdDomains(!valid))
  }

  /** Frozen disks stop a guest's writes; its packets stop when its vCPUs do. */
  async #holdDomains(pause: boolean): Promise<void> {
    const domains = pause ? this.#domains() : this.#pausedDomains
    this.#pausedDomains = pause ? domains : new Set()
    for (const domid of domains) {
      try {
        await (pause ? this.parts.domains.pause(domid) : this.parts.domains.unpause(domid))
      } catch (error) {
        this.parts.log.warn(pause ? 'cannot pause the domain' : 'cannot unpause the domain', { domid, error: String(error) })
      }
    }
  }

  #domains(): Set<string> {
    return new Set(
      this.disks.flatMap(({ attachedTo, active }) => (active && attachedTo !== null && attachedTo !== '0' ? [attachedTo] : [])),
    )
  }

  async #spent(now: StoredClaim | null): Promise<void> {
    this.#record('claim-lost', 'term-spent', {
      text: `Another host holds the claim (term ${now?.claim.term ?? 'none'}): this host stops the VM and its mirror.`,
      holder: now?.claim.holder ?? null,
    })
    for (const domid of this.#domains()) {
      try {
        await this.parts.domains.destroy(domid)
      } catch (error) {
        this.parts.log.error('cannot destroy the domain of a spent term', { domid, error: String(error) })
      }
    }
    this.parts.restart('the claim is held elsewhere')
  }

  // --- the peer -----------------------------------------------------------------------------------------------------------

  setPeer(peer: PeerAddress | null): void {
    if (samePeer(peer, this.#peer) && this.#endpoint !== null) return
    void this.#endpoint?.close('the peer has another address')
    this.#endpoint = null
    this.#peer = peer
    if (peer === null || this.claim === null) return
    const { pool, host, volumes } = this.spec
    this.#endpoint = this.parts.dialPeer({
      addresses: peer.addresses,
      port: peer.port,
      hello: {
        protocol: 1,
        ...{ pool, host, vm: this.claim.claim.vm, term: this.term, linkId: this.parts.newLinkId() },
        volumes: volumes.map(({ key, sizeBytes }) => ({ key, sizeBytes })),
      },
      onRefused: (refuse) => this.parts.log.warn('the peer refuses this primary', { ...refuse }),
      events: {
        up: (link) => {
          this.#link = link
        },
        frame: (frame) => this.#frame(frame),
        down: (reason) => this.#down(reason),
      },
    })
  }

  #down(reason: string): void {
    this.#link = null
    this.#welcome = null
    this.#asked.clear()
    this.#pings.clear()
    for (const disk of this.disks) disk.apply({ on: 'replica-down', side: 'peer', error: reason })
  }

  #frame(frame: PeerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#welcomed(frame.welcome)
        break
      case 'done':
        this.#answered(frame.seq, frame.error)
        break
      case 'data':
        this.#answered(frame.seq, '', frame.data)
        break
      case 'pong':
        this.#pong(frame.id)
        break
      case 'replica':
        this.#replicaNews(frame)
        break
      case 'hello':
      case 'refuse':
      case 'write':
      case 'zero':
      case 'flush':
      case 'read':
      case 'ping':
        this.parts.log.warn('a frame that only a primary sends came from the peer', { type: frame.type })
    }
  }

  #welcomed(welcome: Welcome): void {
    this.#welcome = welcome
    for (const disk of this.disks) this.#peerUp(disk)
    this.#ping(this.parts.clock.nowMs())
  }

  #peerUp(disk: Disk): void {
    const at = this.#welcome?.volumes[disk.index]
    if (at === undefined || at.state === 'failed' || this.#welcome === null) return
    const { incarnation } = this.#welcome
    disk.apply({ on: 'replica-up', side: 'peer', identity: at.replica, incarnation, sound: at.state === 'up-to-date' })
  }

  #replicaNews({ volume, usable, error }: Extract<PeerFrame, { type: 'replica' }>): void {
    const disk = this.disks[volume]
    // One that came back shows itself by a new welcome, with its identity.
    if (disk !== undefined && !usable) disk.apply({ on: 'replica-down', side: 'peer', error })
  }

  #ask(disk: Disk, op: number): number {
    const seq = this.#nextSeq++
    this.#asked.set(seq, { disk, op })
    return seq
  }

  #answered(seq: number, error: string, data?: Buffer): void {
    const asked = this.#asked.get(seq)
    if (asked === undefined) return
    this.#asked.delete(seq)
    asked.disk.peerDone(asked.op, error, data)
  }

  #ping(nowMs: number): void {
    this.#pingAtMs = nowMs
    if (this.#link === null || this.#welcome === null) return
    const id = this.#nextPing++
    this.#pings.set(id, nowMs)
    this.#link.send({ type: 'ping', id, term: this.term, guestActive: this.guestActive })
  }

  #pong(id: number): void {
    const askedAtMs = this.#pings.get(id)
    const host = this.#peerHost()
    if (askedAtMs === undefined || host === undefined) return
    this.#pings.delete(id)
    this.#keeper?.apply({ on: 'peer-promise', host, askedAtMs })
  }

  /** Tells the peer at once whether a guest uses the disks, so that it knows what to restart. */
  guestChanged(): void {
    this.#ping(this.parts.clock.nowMs())
  }

  // --- the end --------------------------------------------------------------------------------------------------------------

  /** Back to a mirror of one. Resolves when the witness has forgotten the claim. */
  async unprotect(): Promise<void> {
    const keeper = must(this.#keeper, 'a protected VM has a claim')
    const { claim, revision } = keeper.holder.stored
    const answer = await this.parts.witness.remove(claim.vm, revision)
    if (!answer.stored) throw new Error(`the claim changed meanwhile (${answer.why})`)
    keeper.end()
    this.#keeper = null
    await this.#endpoint?.close('the VM is no longer protected')
    this.#endpoint = null
    for (const disk of this.disks) disk.apply({ on: 'claimed', members: { local: true, peer: false } })
    this.#setLease(true)
    this.#everHeld = false
  }

  async close(): Promise<void> {
    this.#keeper?.end()
    await this.#endpoint?.close('the worker ends')
    await Promise.all(this.disks.map((disk) => disk.close()))
  }

  #note({ key }: WorkerVolume, { act, rule, side, error }: Extract<MirrorEffect, { do: 'note' }>): void {
    // The end of a protection is no failure of the peer's replica.
    if (side === 'peer' && this.#keeper === null) return
    const disk = this.disks.find(({ volume }) => volume.key === key)
    if (side === 'local' && act === 'replica-joined-claim') void disk?.saveLocal({ state: 'up-to-date' })
    if (side === 'local' && act === 'resync-started') void disk?.saveLocal({ state: 'inconsistent' })
    if (side === 'peer' && disk !== undefined && (act === 'replica-joined-claim' || act === 'resync-started'))
      this.#link?.send({ type: 'replica', volume: disk.index, usable: act === 'replica-joined-claim', error: '' })
    const host = side === 'local' ? this.spec.host : (this.#peerHost() ?? 'peer')
    this.#record(act, rule, { text: noteText(act, side, error), volume: key, replica: host, error })
  }

  #record(act: string, rule: string, { text, ...evidence }: { text: string } & Record<string, string | null>): void {
    const vm = this.claim?.claim.vm ?? this.spec.vm
    this.parts.timeline.record({ vm, act, rule, text, evidence: { term: this.term, ...evidence } })
  }
}

const samePeer = (a: PeerAddress | null, b: PeerAddress | null): boolean =>
  a?.host === b?.host && a?.port === b?.port && a?.addresses.join() === b?.addresses.join()

function noteText(act: string, side: 'local' | 'peer', error: string): string {
  const why = error === '' ? '' : ` (${error})`
  const which = side === 'local' ? 'local replica' : "peer's replica"
  switch (act) {
    case 'replica-failed':
      return `The ${which} failed${why}; acknowledgements wait until the claim no longer lists it.`
    case 'replica-left-claim':
      return `The claim no longer lists the ${which}; I/O goes on with the other one.`
    case 'replica-joined-claim':
      return `The ${which} has everything again: redundancy is back.`
    case 'resync-started':
      return `A resync of the ${which} began.`
    case 'resync-interrupted':
      return `The resync of the ${which} was interrupted${why}.`
    default:
      return `The ${which} serves.`
  }
}
