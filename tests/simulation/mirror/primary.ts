import type { StoredClaim } from '../../../lib/core/domain/claim'
import type { GuestRequest, ReplicaRequest } from '../../../lib/core/domain/replica-request'
import type { MirrorEffect, MirrorEvent, Side } from '../../../lib/core/mirror/events'
import { Mirror } from '../../../lib/core/mirror/mirror'
import type { LinkEnd } from '../../world/link'
import { describe, describeMirror } from './describe'
import { Holding } from './holding'
import type { Host, Worker } from './host'
import { LocalReplica } from './local-replica'
import { must } from './must'
import { Patience } from './patience'
import { Pings } from './pings'
import type { PeerMessage } from './peer-message'
import { VOLUME } from './names'

type Reply = (error: string, data: Buffer | undefined) => void

const DIAL_AGAIN_MS = 60
const WELCOME_WITHIN_MS = 300
const IDLE_AFTER_MS = 120

/** A worker in the role of the primary: the mirror, the claim, its own replica, and the way to the peer. */
export class Primary {
  readonly #mirror: Mirror
  readonly #holding: Holding
  readonly #local: LocalReplica
  readonly patience: Patience
  readonly #replies = new Map<number, Reply>()
  readonly #events: MirrorEvent[] = []
  #applying = false
  #lastRequest = 0
  #link: LinkEnd<PeerMessage> | null = null
  #welcomed = false
  readonly #pings = new Pings()
  #busyAt = 0
  #idleTold = true
  #stopping = false
  readonly #term: number
  /** Of this mirror, which numbers its requests from one: not of the process, which may serve a second time. */
  readonly #incarnation: string

  constructor(
    private readonly worker: Worker,
    stored: StoredClaim,
    leaseFromMs: number | null,
  ) {
    const { world, host } = worker
    const hosts = must(stored.claim.upToDate[VOLUME], 'the claim lists the volume')
    const listed = { local: hosts.includes(host.uuid), peer: hosts.includes(host.other.uuid) }
    this.#term = stored.claim.term
    this.#incarnation = worker.nextOpening()
    this.#mirror = new Mirror({
      ...{ sizeBytes: world.plan.sizeBytes, listed, tracked: world.tracked, newGeneration: () => world.newGeneration() },
      ...{ hotExtentsMax: world.plan.hotExtents, patient: true },
    })
    this.patience = new Patience(worker, () => this.#apply({ on: 'start-is-over' }))
    this.#local = new LocalReplica(worker, {
      up: (seat, incarnation) => {
        seat.saveTerm(this.#term, () => undefined)
        this.#apply({ on: 'replica-up', side: 'local', presence: seat.presence(incarnation), bits: seat.bits() })
      },
      down: (error) => this.#apply({ on: 'replica-down', side: 'local', error }),
      isListed: (then) => then(this.#mirror.replicas.local.binding),
    })
    this.#holding = new Holding(worker, stored, leaseFromMs, {
      lease: (valid) => this.#apply({ on: 'lease', valid }),
      claimed: (to) => {
        const members = { local: to.includes(host.uuid), peer: to.includes(host.other.uuid) }
        this.#apply({ on: 'claimed', members })
      },
      spent: () => worker.spent(),
    })
    this.#apply({ on: 'lease', valid: this.#holding.holder.leaseValid })
    if (world.plan.allowBytes !== null) this.#apply({ on: 'allow', bytes: world.plan.allowBytes })
  }

  start(): void {
    this.#holding.tick()
    this.#local.open(false)
    this.#dial()
  }

  get isServing(): boolean {
    return this.worker.life.alive && !this.#stopping && !this.#holding.holder.spent
  }

  get holderIsQuiet(): boolean {
    const { local, peer } = this.#mirror.replicas
    return local.state === 'member' && peer.state === 'member' && this.worker.asking === 0
  }

  /** Nobody else's replica is in use or may be. */
  get isSingle(): boolean {
    return this.#mirror.replicas.peer.state === 'absent'
  }

  /** For the transcript and the choice of faults, never for the judge. */
  get standing(): string {
    return `${describeMirror(this.#mirror)} lease ${this.#holding.holder.leaseValid}`
  }

  get verifying(): boolean {
    return this.#mirror.verifying !== null
  }

  request(request: GuestRequest, reply: Reply): void {
    this.#holding.tick()
    const id = ++this.#lastRequest
    this.#replies.set(id, reply)
    this.#busyAt = this.worker.world.schedule.now
    this.#idleTold = false
    this.#apply({ on: 'request', id, request })
  }

  verify(repair: boolean): void {
    this.#apply({ on: 'verify', repair })
  }

  closeLink(): void {
    this.#link?.close('reset')
  }

  track(tracked: boolean): void {
    this.#apply({ on: 'tracked', tracked })
  }

  tick(): void {
    const { schedule, plan } = this.worker.world
    this.#holding.tick()
    if (this.#mirror.replicas.peer.state === 'member') this.#local.seat?.tick()
    if (plan.allowBytes !== null) this.#apply({ on: 'allow', bytes: plan.allowBytes })
    if (this.#pings.areDue(schedule.now)) this.#ping()
    if (schedule.now < this.#busyAt + IDLE_AFTER_MS) return
    this.#local.seat?.idle()
    if (this.#idleTold) return
    this.#idleTold = true
    this.#apply({ on: 'idle' })
  }

  stop(stopped: () => void): void {
    this.#stopping = true
    this.#holding.end()
    this.#link?.close('the primary stops')
    this.#local.close(stopped)
  }

  died(silently: boolean): void {
    this.#link?.dies(silently)
  }

  // --- what the mirror wants ------------------------------------------------------------------------------------------------

  #apply(event: MirrorEvent): void {
    this.#events.push(event)
    if (this.#applying) return
    this.#applying = true
    for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift())
      for (const effect of this.#mirror.apply(next)) this.#run(effect)
    this.#applying = false
  }

  #run(effect: MirrorEffect): void {
    const { world, host } = this.worker
    switch (effect.do) {
      case 'io':
        this.#ask(effect.side, effect.op, effect.request)
        break
      case 'hint':
        if (effect.side === 'peer') this.#link?.send({ type: 'hint', hint: effect.hint, term: this.#term })
        else this.#local.seat?.hint(effect.hint)
        break
      case 'reply': {
        const reply = must(this.#replies.get(effect.id), 'each request is answered once')
        this.#replies.delete(effect.id)
        reply(effect.error, effect.data)
        break
      }
      case 'propose': {
        const { local, peer } = effect.members
        world.onMoment(local && peer ? 'joining' : 'parting', host.name)
        this.#say(() => `wants ${local ? host.name : ''}${peer ? host.other.name : ''}: ${effect.rule} ${effect.error}`)
        this.#holding.apply({
          ...{ on: 'want', volume: VOLUME },
          hosts: [...(local ? [host.uuid] : []), ...(peer ? [host.other.uuid] : [])],
        })
        break
      }
      case 'note': {
        const of = this.#hostOf(effect.side)
        world.probe(`${effect.act}: ${effect.rule}`)
        this.#say(() => `${of.name}: ${effect.act} (${effect.rule}) ${effect.error}`)
        const { dirty } = this.#mirror.replicas[effect.side]
        world.judge.noted(of.name, effect, dirty.count)
        if (effect.act === 'resync-started') world.onMoment('copying', of.name)
        if (effect.rule === 'same-generation' || effect.rule === 'never-missed-a-write') world.onMoment('present', of.name)
        break
      }
      case 'differ':
        world.judge.differs(effect.runs, effect.repaired)
        break
      case 'verified':
        world.probe(`verified: ${effect.why === '' ? 'all' : effect.why}`)
        world.judge.verified(effect.why)
    }
  }

  #hostOf(side: Side): Host {
    return side === 'local' ? this.worker.host : this.worker.host.other
  }

  #ask(side: Side, op: number, request: ReplicaRequest): void {
    const { world } = this.worker
    world.judge.copies.asked(this.#hostOf(side).name, request)
    this.#say(() => `asks ${this.#hostOf(side).name} #${op} ${describe(request)}`)
    if (side === 'peer') this.#link?.send({ type: 'io', op, request, term: this.#term })
    else this.#local.seat?.perform(op, request, (error, data) => this.#done('local', op, error, data))
  }

  #done(side: Side, op: number, error: string, data: Buffer | undefined): void {
    this.#holding.tick()
    this.#say(() => `${this.#hostOf(side).name} did #${op} ${error}`)
    this.#apply({ on: 'done', side, op, error, ...(data === undefined ? {} : { data }) })
  }

  #say(text: () => string): void {
    this.worker.say(text)
  }

  // --- the peer ---------------------------------------------------------------------------------------------------------------

  #dial(): void {
    const { world, life } = this.worker
    const again = (): void => world.schedule.after(DIAL_AGAIN_MS * (0.3 + world.dice.fraction()), () => this.#dial(), life)
    if (this.#link !== null || this.#stopping) {
      again()
      return
    }
    world.hello(
      this.worker,
      { incarnation: this.#incarnation, term: this.#term },
      {
        isWanted: () => this.#link === null && !this.#stopping,
        events: { frame: (message) => this.#frame(message), down: (reason) => this.#down(reason) },
        joined: (end) => {
          this.#link = end
          this.#welcomed = false
          const giveUp = (): void => {
            if (this.#link === end && !this.#welcomed) end.close('no welcome')
          }
          world.schedule.after(WELCOME_WITHIN_MS, giveUp, life)
        },
      },
    )
    again()
  }

  #down(reason: string): void {
    this.#link = null
    this.#welcomed = false
    this.#pings.forget()
    this.#say(() => `link down: ${reason}`)
    this.#apply({ on: 'replica-down', side: 'peer', error: reason })
  }

  #ping(): void {
    if (this.#link === null || !this.#welcomed) return
    const id = this.#pings.next(this.worker.world.schedule.now, this.worker.host.nowMs)
    this.#link.send({ type: 'ping', id, term: this.#term })
  }

  #frame(message: PeerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcomed = true
        this.#ping()
        break
      case 'done':
        this.#done('peer', message.op, message.error, message.data)
        break
      case 'pong': {
        const askedAtMs = this.#pings.answered(message.id)
        if (askedAtMs !== undefined) this.#holding.apply({ on: 'peer-promise', host: this.worker.host.other.uuid, askedAtMs })
        break
      }
      case 'present':
        this.#apply({ on: 'replica-up', side: 'peer', presence: message.presence, bits: message.bits })
        break
      case 'gone':
        this.#apply({ on: 'replica-down', side: 'peer', error: message.error })
        break
      case 'io':
      case 'hint':
      case 'ping':
        throw new Error(`a secondary sent ${message.type}`)
    }
  }
}
