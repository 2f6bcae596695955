import type { StoredClaim } from '../../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../../lib/core/domain/decider-note'
import type { HostUuid } from '../../../../lib/core/domain/ids'
import { Secondary as SecondaryRules } from '../../../../lib/core/mirror/secondary'
import { ClaimKeeper } from '../../../../lib/daemon/worker/claim/claim-keeper'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import type { Secondary } from '../../../../lib/daemon/worker/secondary'
import { startingClaim } from '../../../../lib/daemon/worker/claim/starting-claim'
import { takeOver } from '../../../../lib/daemon/worker/claim/take-over'
import { turnsOutToHold } from '../../../../lib/daemon/worker/claim/unknown-claim'
import { DecidingWitness } from '../../../../lib/daemon/worker/witnesses/deciding-witness'
import type { PeerEndpoint, PeerListen } from '../../../../lib/ports/peer-connect'
import type { PeerLink } from '../../../../lib/ports/peer-link'
import type { ClaimNotes } from '../../../../lib/ports/claim-notes'
import type { PeerFrame } from '../../../../lib/wire/peer'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { Life } from '../../../world/schedule'
import { Process } from '../../../simulation/pool/process'
import { DISK, type PairWorld, POOL, VM } from './pair-world'
import { Wire } from './pair-wire'

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const refused = (what: string) => (): never => {
  throw new Error(`not asked for: ${what}`)
}

interface AsPrimary {
  readonly keeper: ClaimKeeper
  /** As core/mirror keeps it: whether writes wait for the peer's replica. */
  peer: 'absent' | 'copying' | 'member' | 'out'
  mayAnswer: boolean
  /** For which state the claim was last wished to be changed. */
  wanted: AsPrimary['peer'] | null
  wire: Wire | null
  pings: Map<number, number>
  write: { readonly number: number; isThere: boolean } | null
}

/** A host: what it keeps, and the worker that runs on it. */
export class PairHost {
  /** Writes that its replica has. */
  disk = new Set<number>()
  served = 0
  note: DeciderNote | null | 'damaged' = null
  listener: PeerListen | null = null
  #process!: Process
  #witness: DecidingWitness | null = null
  primary: AsPrimary | null = null
  #secondary: (Pick<Secondary, 'mayHold' | 'claim' | 'rules' | 'isFit' | 'look'> & { link: PeerLink | null }) | null = null
  #isTaking = false

  constructor(
    readonly uuid: HostUuid,
    private readonly world: PairWorld,
  ) {}

  get isAlive(): boolean {
    return this.#process.life.alive
  }

  get life(): Life {
    return this.#process.life
  }

  #born(): Process {
    const { schedule } = this.world
    const offsetMs = this.world.dice.below(10_000)
    const rate = 0.997 + this.world.dice.fraction() * 0.006
    const ticking = {
      rate,
      get nowMs() {
        return offsetMs + schedule.now * rate
      },
    }
    return new Process({ schedule, dice: this.world.dice }, ticking)
  }

  crash(): void {
    this.#process.life.alive = false
    this.primary?.wire?.cut()
    this.world.other(this).primary?.wire?.cut()
    Object.assign(this, { primary: null, listener: null })
    this.#secondary = null
    this.#isTaking = false
  }

  boot(): void {
    this.#process = this.#born()
    const process = this.#process
    const { clock, timers } = process
    const [first, second] = this.world.witnesses
    const parts = {
      ...{ clock, timers, log, timeline: { record: ({ act }: { act: string }) => this.world.count(act) } },
      ...{ witness: first.portOf(this, process), alternate: second.portOf(this, process), claimNotes: this.#notes(process) },
      listenPeer: (listen: PeerListen) => this.#listen(listen, process),
    } as unknown as WorkerParts
    const spec = { ...{ pool: POOL, vm: VM, host: this.uuid }, listen: { port: 1, addresses: [] } } as unknown as WorkerSpec
    const witness = new DecidingWitness(() => spec, parts)
    this.#witness = witness
    void this.#begin({ ...parts, witness, deciding: witness }, witness, process)
    timers.every(50, () => this.#tick())
    timers.every(1000, () => this.#suspect({ ...parts, witness, deciding: witness }, process))
  }

  async #begin(parts: WorkerParts, witness: DecidingWitness, process: Process): Promise<void> {
    const stored = await startingClaim(VM, witness, parts, () => !process.life.alive)
    if (stored === null) return
    if (stored.claim.holder === this.uuid) this.#lead(stored, null, parts)
    else await this.#follow(stored, process)
  }

  #lead(stored: StoredClaim, leaseFromMs: number | null, parts: WorkerParts): void {
    this.world.count(`primary of term ${Math.min(stored.claim.term, 3)}`)
    this.#secondary = null
    this.listener = null
    this.served = Math.max(this.served, stored.claim.term)
    const keeper = new ClaimKeeper(this.uuid, stored, leaseFromMs, parts, {
      changing: () => undefined,
      lease: (valid) => this.#lease(valid),
      guests: () => undefined,
      claimed: (_, hosts) => this.#claimed(hosts.length > 1),
      memory: refused('lockstep'),
      notHandedOver: refused('a hand-over'),
      spent: () => {
        this.world.count('spent')
        this.crash()
        this.world.schedule.after(200, () => this.boot())
      },
    })
    const peer = (stored.claim.upToDate[DISK] ?? []).length > 1 ? 'out' : 'absent'
    this.primary = { keeper, peer, mayAnswer: false, wanted: null, wire: null, pings: new Map(), write: null }
    keeper.apply({ on: 'tick', nowMs: parts.clock.nowMs() })
  }

  async #follow(stored: StoredClaim, process: Process): Promise<void> {
    const rules = new SecondaryRules(Math.max(this.served, 0), process.clock.nowMs())
    const secondary = {
      ...{ mayHold: false, claim: stored, rules, link: null as PeerLink | null },
      ...{ isFit: true, look: () => Promise.resolve() },
    }
    this.#secondary = secondary
    await this.#listen(
      {
        ...{ addresses: [], port: 1 },
        onHello: ({ term }) => {
          const { verdict } = rules.judge(term)
          if (verdict !== 'do') return { refuse: { code: verdict === 'sealed' ? 'SEALED' : 'TERM', text: '', term: rules.term } }
          rules.raised(term)
          this.served = Math.max(this.served, term)
          return { welcome: { protocol: 2, host: this.uuid, notes: true } }
        },
        events: {
          up: (link) => (secondary.link = link),
          frame: (frame, link) => this.#asked(frame, link, process),
          down: () => (secondary.link = null),
        },
      },
      process,
    )
  }

  #listen(listen: PeerListen, process: Process): Promise<PeerEndpoint> {
    if (process.life.alive) this.listener = listen
    const close = (): Promise<void> => {
      if (this.listener === listen) this.listener = null
      return Promise.resolve()
    }
    return Promise.resolve({ port: 1, close })
  }

  #asked(frame: PeerFrame, link: PeerLink, process: Process): void {
    const secondary = this.#secondary
    if (secondary === null || link !== secondary.link) return
    const { rules } = secondary
    if (!('term' in frame) || rules.judge(frame.term).verdict !== 'do') return
    const nowMs = process.clock.nowMs()
    if (frame.type === 'note')
      this.#witness?.told(frame.note, frame.term, (noted) => {
        if (link === secondary.link && rules.judge(frame.term).verdict === 'do') link.send({ type: 'noted', noted })
      })
    else if (frame.type === 'ping') {
      rules.heard(frame.term, nowMs)
      if (secondary.mayHold) return
      rules.promised(nowMs)
      link.send({ type: 'pong', id: frame.id })
    } else if (frame.type === 'write') {
      this.disk.add(frame.seq)
      link.send({ type: 'done', seq: frame.seq, volume: 0, error: '' })
    }
  }

  /** As the daemon does while it suspects the other host. */
  #suspect(parts: WorkerParts, process: Process): void {
    const secondary = this.#secondary
    const other = this.world.other(this)
    const isHeard = other.isAlive && this.world.isLinked && other.life.stalledUntil <= this.world.schedule.now
    if (secondary === null || isHeard || this.#isTaking) return
    this.#isTaking = true
    const asTaken = Object.assign(secondary, {
      seal: () => {
        secondary.rules.seal()
        secondary.link?.close('sealed')
      },
      unseal: () => secondary.rules.unseal(),
    }) as unknown as Secondary
    const take = async (): Promise<void> => {
      const outcome = await takeOver(asTaken, this.uuid, parts)
      if (!process.life.alive) return
      this.#isTaking = false
      if (outcome.taken) {
        this.world.count('taken')
        secondary.link?.close('taken')
        this.world.judgeWhole(this)
        this.#lead(outcome.stored, outcome.leaseFromMs, parts)
      } else if (secondary.mayHold && (await turnsOutToHold(asTaken, this.uuid, parts, () => this.#secondary !== secondary))) {
        this.world.count('turned out to hold')
        if (!this.#isBusy(process, secondary)) {
          this.#isTaking = true
          await take()
        }
      }
    }
    void take()
  }

  #isBusy({ life }: Process, secondary: unknown): boolean {
    return this.#isTaking || !life.alive || this.#secondary !== secondary
  }

  // --- as primary ---------------------------------------------------------------------------------------------------------

  /** Looked at as each answer does it. */
  mayAnswer(): boolean {
    const { primary } = this
    if (!this.isAlive || primary === null || this.life.stalledUntil > this.world.schedule.now) return false
    primary.keeper.apply({ on: 'tick', nowMs: this.#process.clock.nowMs() })
    return this.primary === primary && primary.mayAnswer
  }

  #lease(valid: boolean): void {
    if (this.primary !== null) this.primary.mayAnswer = valid
  }

  #claimed(withPeer: boolean): void {
    const primary = this.primary
    if (primary === null) return
    if (withPeer && primary.peer === 'absent') primary.peer = 'out'
    if (!withPeer && primary.peer === 'out') primary.peer = 'absent'
  }

  #want(): void {
    const primary = this.primary
    if (primary === null) return
    if (primary.wanted === primary.peer) return
    primary.wanted = primary.peer
    const hosts = primary.peer === 'member' ? [this.uuid, this.world.other(this).uuid] : [this.uuid]
    primary.keeper.apply({ on: 'want', volume: DISK, hosts })
  }

  #tick(): void {
    const primary = this.primary
    if (primary === null) return
    primary.keeper.apply({ on: 'tick', nowMs: this.#process.clock.nowMs() })
    if (this.primary !== primary) return
    this.#want()
    if (primary.wire === null) this.#dial(primary)
    else {
      const id = Math.floor(this.world.schedule.now)
      primary.pings.set(id, this.#process.clock.nowMs())
      primary.wire.ask({ type: 'ping', id, term: primary.keeper.holder.stored.claim.term, guestActive: true })
    }
    this.#serve(primary)
  }

  #dial(primary: AsPrimary): void {
    const { listener } = this.world.other(this)
    if (listener === null || !this.world.isLinked || !this.world.other(this).isAlive || !this.world.dice.chance(0.3)) return
    const { term } = primary.keeper.holder.stored.claim
    const hello = { protocol: 2, pool: POOL, vm: VM, host: this.uuid, incarnation: '', term, linkId: 1, volumes: [] } as const
    const answer = listener.onHello(hello)
    if ('refuse' in answer) return
    const wire = new Wire(this.world, this.life, this.world.other(this).life, {
      toSecondary: (frame, link) => listener.events.frame(frame, link, null),
      toPrimary: (frame) => this.#answered(primary, frame),
      down: () => {
        listener.events.down('')
        if (this.primary !== primary) return
        primary.wire = null
        this.#witness?.peerDown()
        if (primary.peer === 'copying') primary.peer = 'absent'
        else if (primary.peer === 'member') primary.peer = 'out'
        this.#want()
      },
    })
    primary.wire = wire
    listener.events.up(wire.link)
    this.#witness?.peerUp(this.world.other(this).uuid, (note) => wire.ask({ type: 'note', note, term }))
    if (this.world.other(this).#secondary === null) return
    const copy = (): void => {
      if (primary.wire !== wire || this.primary !== primary || primary.peer === 'member') return
      if (primary.peer === 'out') {
        this.#process.timers.after(100, copy)
        return
      }
      this.world.other(this).disk = new Set(this.disk)
      primary.peer = 'member'
      if (primary.write !== null) primary.write.isThere = true
      this.#want()
    }
    this.#process.timers.after(50 + this.world.dice.below(200), copy)
  }

  #answered(primary: AsPrimary, frame: PeerFrame): void {
    if (this.primary !== primary) return
    if (frame.type === 'noted') this.#witness?.peerNoted(frame.noted)
    else if (frame.type === 'pong') {
      const askedAtMs = primary.pings.get(frame.id)
      if (askedAtMs !== undefined) primary.keeper.apply({ on: 'peer-promise', host: this.world.other(this).uuid, askedAtMs })
    } else if (frame.type === 'done' && primary.write?.number === frame.seq) primary.write.isThere = true
  }

  /** One write after another; acknowledged when every replica that counts has it, and the lease runs. */
  #serve(primary: AsPrimary): void {
    const { world } = this
    const before = primary.write
    if (before === null) {
      const write = { number: ++world.lastWrite, isThere: false }
      primary.write = write
      this.disk.add(write.number)
      const { term } = primary.keeper.holder.stored.claim
      if (primary.peer === 'member')
        primary.wire?.ask({ ...{ type: 'write', seq: write.number, volume: 0, offset: 0, data: NO_DATA, term, fua: false } })
      return
    }
    const isEverywhere = before.isThere || primary.peer === 'absent'
    if (!isEverywhere || !this.mayAnswer()) return
    world.judge(this)
    world.told(this, before.number)
    primary.write = null
  }

  #notes(process: Process): ClaimNotes {
    const { schedule, dice } = this.world
    return {
      read: () => Promise.resolve(this.note),
      save: (_, note) =>
        new Promise((resolve) => {
          // What is written may be there before anybody hears of it.
          schedule.after(dice.below(8), () => {
            if (process.life.alive || dice.chance(0.5)) this.note = note
          })
          schedule.after(8 + dice.below(8), resolve, process.life)
        }),
      forget: refused('forgetting'),
    }
  }
}

const NO_DATA = Buffer.alloc(0)
