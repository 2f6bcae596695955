import { must } from '../../../core/domain/assert'
import { Numbered } from '../../../core/domain/numbered'
import type { Presence, ReplicaRequest } from '../../../core/domain/replica-request'
import type { DirtyBitmap } from '../../../core/domain/dirty-bitmap'
import type { Members, MirrorEffect, MirrorEvent, Side } from '../../../core/mirror/events'
import { SIDES } from '../../../core/mirror/events'
import { Mirror } from '../../../core/mirror/mirror'
import { PACE } from '../../../core/mirror/pace'
import type { DiskReply, DiskRequest } from '../../../ports/disk-export'
import type { ResyncProgress } from '../../../wire/daemon-api'
import type { WorkerVolume, WorkerVolumeStatus } from '../../../wire/worker-api'
import { BlockStatus } from './block-status'
import type { DiskNeeds } from './disk-needs'
import { DiskSocket } from './disk-socket'
import { allOf, type Asked, Changes, errnoOf, guestRequests } from '../guest/guest-requests'
import { LocalReplica } from './local-replica'
import type { WorkerParts } from '../parts'
import { PacedResync } from './paced-resync'
import { replicaStatus } from './replica-status'
import type { Seat } from '../seat'
import { StartPatience } from '../start-patience'
import { VerifyRun } from './verify-run'

const IDLE_AFTER_MS = 1000

/** One disk on its primary: the mirror machine, the local replica, the NBD export, and the way to the peer. */
export class Disk {
  readonly #mirror: Mirror
  readonly #local: LocalReplica
  readonly #status: BlockStatus
  readonly #resync: PacedResync
  readonly #socket: DiskSocket
  readonly #asked = new Numbered<Asked>()
  readonly #events: MirrorEvent[] = []
  #applying = false
  /** What the peer was asked for last: what this host is asked for as well is not answered before the peer has it. */
  #sent: ReplicaRequest | null = null
  #nextRequest = 1
  #busyAtMs: number
  #idle = true
  readonly patience = new StartPatience()
  /** That the guest was told to be done. */
  readonly changes = new Changes()
  #verify: VerifyRun | null = null
  attachedTo: string | null = null
  active = false

  constructor(
    readonly volume: WorkerVolume,
    /** Index in hello's list. */
    readonly index: number,
    listed: Members,
    tracked: boolean,
    private readonly parts: WorkerParts,
    private readonly needs: DiskNeeds,
  ) {
    const { key, sizeBytes } = volume
    this.#mirror = new Mirror({ sizeBytes, listed, tracked, newGeneration: parts.newGeneration, patient: true })
    this.#resync = new PacedResync({ ...PACE, ...parts.pace }, this.#mirror.replicas)
    this.#busyAtMs = parts.clock.nowMs()
    this.#local = new LocalReplica(volume, parts, {
      up: (seat, incarnation) => this.replicaUp('local', seat.presence(incarnation), seat.bits()),
      failed: (error) => this.replicaDown('local', error),
      unkept: (error) => this.#apply({ on: 'unkept', side: 'local', error }),
      isListed: () => this.#mirror.replicas.local.binding,
    })
    this.#status = new BlockStatus({
      ...{ timers: parts.timers, seat: () => this.#local.seat, mirror: this.#mirror, checkLease: () => needs.checkLease() },
      unanswered: () => this.#asked.entries().map(([, { request }]) => request),
    })
    this.#socket = new DiskSocket(() =>
      parts.serveDisk(key, sizeBytes, (request, reply) => this.#request(request, reply), this.#status.ask),
    )
  }

  get replicas(): Mirror['replicas'] {
    return this.#mirror.replicas
  }

  get stalled(): boolean {
    return this.#mirror.stalled
  }

  get seat(): Seat | null {
    return this.#local.seat
  }

  async openLocal(term: number): Promise<void> {
    await this.#local.open(term)
    this.patience.begin(this.parts.clock.nowMs())
  }

  /** Where it is served, from now on. The domain has it at once: what an earlier one gives back meanwhile is no longer its. */
  async attach(domain: string): Promise<string> {
    this.attachedTo = domain
    try {
      return await this.#socket.open()
    } catch (error) {
      if (this.attachedTo === domain) this.attachedTo = null
      throw error
    }
  }

  async detach(): Promise<void> {
    this.attachedTo = null
    this.active = false
    await this.#socket.close()
  }

  async close(): Promise<void> {
    await this.detach()
    await this.#local.close()
  }

  // --- what happens to the disk -------------------------------------------------------------------------------------------

  replicaUp(side: Side, presence: Presence, bits: DirtyBitmap): void {
    this.#apply({ on: 'replica-up', side, presence, bits })
  }

  replicaDown(side: Side, error: string): void {
    this.#apply({ on: 'replica-down', side, error })
  }

  /** `isStored`: see MirrorEvent. */
  claimed(members: Members, isStored = true): void {
    this.#apply({ on: 'claimed', members, isStored })
  }

  get hasParted(): boolean {
    return this.#mirror.hasParted
  }

  lease(valid: boolean): void {
    this.#apply({ on: 'lease', valid })
  }

  /** See MirrorEvent. */
  answerWhen(when: 'local' | 'both'): void {
    this.#apply({ on: 'answer-when', when })
  }

  /** Whether a claim says whose bytes count. */
  track(tracked: boolean): void {
    this.#apply({ on: 'tracked', tracked })
  }

  peerDone(op: number, error: string, data?: Buffer): void {
    // The only request there is waits for nothing but this host now.
    this.#local.seat?.collect(this.#asked.size === 1)
    this.#done('peer', op, error, data)
  }

  /** Of the comparison that runs, whether it repairs; null when none does. */
  get comparing(): { readonly repair: boolean } | null {
    return this.#verify?.isRunning === true ? this.#verify : null
  }

  verify(repair: boolean): void {
    const nowMs = this.parts.clock.nowMs()
    this.#verify = new VerifyRun(this.volume.sizeBytes, repair, nowMs)
    this.#apply({ on: 'verify', repair })
  }

  peerDigests(offset: number, length: number): Promise<Buffer> {
    return this.needs.peerDigests(this, offset, length)
  }

  /** See MirrorEvent. The replica of this host comes back by itself, to be overwritten. */
  giveUp(side: Side): void {
    if (side === 'local' && this.#mirror.replicas.local.state === 'member') this.#local.giveUp()
    this.#apply({ on: 'give-up', side })
  }

  tick(nowMs: number): void {
    this.#local.tick(nowMs, this.#mirror.replicas.peer.state === 'member')
    if (this.patience.ends(nowMs)) this.#apply({ on: 'start-is-over' })
    const bytes = this.#resync.tick()
    if (bytes !== null) this.#apply({ on: 'allow', bytes })
    if (nowMs < this.#busyAtMs + IDLE_AFTER_MS) return
    if (!this.#idle) this.#apply({ on: 'idle' })
    this.#idle = true
    // What that flush settles can leave the log only after it.
    this.#local.seat?.idle()
  }

  #request(request: DiskRequest, reply: (reply: DiskReply) => void): void {
    this.needs.checkLease()
    const atMs = this.parts.clock.nowMs()
    this.#busyAtMs = atMs
    this.#idle = false
    const parts = guestRequests(request)
    const together = parts.length === 1 ? reply : allOf(parts.length, reply)
    for (const part of parts) this.#ask({ reply: together, atMs, request: part })
  }

  #ask(asked: Asked): void {
    const id = this.#nextRequest++
    this.#asked.set(id, asked)
    this.#apply({ on: 'request', id, request: asked.request })
  }

  #done(side: Side, op: number, error: string, data?: Buffer): void {
    this.needs.checkLease()
    this.#apply(data === undefined ? { on: 'done', side, op, error } : { on: 'done', side, op, error, data })
  }

  // --- what the mirror wants ------------------------------------------------------------------------------------------------

  /** What an effect brings about at once waits until the effects before it are done. */
  #apply(event: MirrorEvent): void {
    this.#events.push(event)
    if (this.#applying) return
    this.#applying = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift())
      for (const effect of this.#mirror.apply(next)) this.#run(effect)
    this.#applying = false
  }

  #run(effect: MirrorEffect): void {
    switch (effect.do) {
      case 'io':
        if (effect.side === 'peer') {
          this.#sent = effect.request
          this.needs.askPeer(this, effect.op, effect.request)
        } else this.#askLocal(effect.op, effect.request)
        break
      case 'hint':
        if (effect.side === 'peer') this.needs.hintPeer(this, effect.hint)
        else this.#local.seat?.hint(effect.hint)
        break
      case 'reply':
        this.#reply(effect)
        break
      case 'propose':
        this.needs.propose(this.volume, effect.members)
        break
      case 'note':
        this.#noted(effect)
        break
      case 'differ':
        this.#verify?.found(effect.runs)
        break
      case 'verified':
        this.#verified(effect.why)
        break
    }
  }

  #askLocal(op: number, request: ReplicaRequest): void {
    const seat = must(this.#local.seat, 'a usable replica is open')
    seat.perform(op, request, (error, data) => this.#done('local', op, error, data), request === this.#sent)
  }

  #reply({ id, error, free, data }: Extract<MirrorEffect, { do: 'reply' }>): void {
    const { reply, atMs, request } = must(this.#asked.take(id), 'each request is answered once')
    if (error === '') this.changes.count(request)
    this.#resync.answered(this.parts.clock.nowMs() - atMs)
    reply({ error: errnoOf(error), ...(data === undefined ? { dataIsFree: free } : { data }) })
  }

  #noted(effect: Extract<MirrorEffect, { do: 'note' }>): void {
    const { act, side } = effect
    if (act === 'resync-started') this.#apply({ on: 'allow', bytes: this.#resync.begins(side, this.needs.hostOf(side)) })
    this.needs.note(this.volume, effect)
  }

  #verified(why: string): void {
    const verify = must(this.#verify, 'a verify was asked for')
    verify.end(why)
    this.needs.note(this.volume, { act: 'verified', side: 'peer', ...verify.outcome })
  }

  // --- what others may know -------------------------------------------------------------------------------------------------

  resync(nowMs: number): ResyncProgress | null {
    return this.#resync.progress(nowMs)
  }

  status(nowMs: number): WorkerVolumeStatus {
    const verify = this.#verify?.report(this.#mirror.verifying?.done ?? 0, nowMs) ?? null
    const known = { key: this.volume.key, resync: this.resync(nowMs), verify, attachedTo: this.attachedTo }
    return { ...known, ...replicaStatus(this.replicas) }
  }

  /** Both replicas are members: a second fault would be survived. */
  get redundant(): boolean {
    return SIDES.every((side) => this.#mirror.replicas[side].state === 'member')
  }
}
