import { must } from '../../../../lib/core/domain/assert'
import { BLOCK_BYTES } from '../../../../lib/core/domain/blocks'
import type { ReplicaRequest } from '../../../../lib/core/domain/replica-request'
import { NO_GENERATIONS, type Generations } from '../../../../lib/core/domain/volume'
import { otherSide, type Members, type MirrorEffect, type MirrorEvent, type Side } from '../../../../lib/core/mirror/events'
import { Mirror } from '../../../../lib/core/mirror/mirror'
import { bufferOf, CELL_BYTES } from '../../../world/cells'
import { Seat } from './seat'
import { Storage } from './storage'

const START: Generations = { current: 'g2', bitmap: 'g1', former: '', history: ['g0'] }

/** Whose turn it is: what was asked first, or first what one side has to do. */
export type Turns = 'in order' | Side

export interface Plan {
  readonly source: Side
  readonly blocks: number
  /** What the target lacks; a new one lacks everything. */
  readonly lacks: readonly number[] | 'new'
  readonly turns: Turns
  /** Blocks that the guest writes when the resync begins, and when the source has announced its generation. */
  readonly written: readonly [number, number]
}

/** What is on its way in a process of one side, between both, or at the witness. */
interface Pending {
  readonly lane: Side | 'link' | 'witness'
  readonly what: string
  readonly act: () => void
}

/** By which rule the target was resynced or admitted, and how many blocks were to be looked at. */
export interface Told {
  readonly act: string
  readonly rule: string
  readonly blocks: number
}

/** A resync of one replica from the other one, step by step, through what may befall the processes and their machines. */
export class World {
  readonly storages: Record<Side, Storage>
  readonly seats: Record<Side, Seat | null> = { local: null, peer: null }
  readonly target: Side
  readonly told: Told[] = []
  #mirror: Mirror | null = null
  /** Grows with each connection; 0 while there is none. */
  #link = 0
  #links = 0
  #listed: Members
  #pending: Pending[] = []
  #greeted = ''
  #processes = 0
  #openings = 0
  #generations = 2
  #requests = 0
  #unanswered = 0
  #written = 0
  #wasKnown = false

  constructor(readonly plan: Plan) {
    const { source, blocks, lacks } = plan
    this.target = otherSide(source)
    const boot = 'start 1'
    const full = new Storage(blocks, { state: 'up-to-date', generations: START, boot })
    const lacking =
      lacks === 'new'
        ? new Storage(blocks, { state: 'inconsistent', generations: NO_GENERATIONS, boot: '' })
        : new Storage(blocks, { state: 'up-to-date', generations: { ...NO_GENERATIONS, current: 'g1', history: ['g0'] }, boot })
    for (let block = 0; block < blocks; block++) {
      full.fill(block, 1 + block)
      if (lacks !== 'new' && !lacks.includes(block)) lacking.fill(block, 1 + block)
    }
    full.note(lacks === 'new' ? [] : lacks)
    this.storages = source === 'local' ? { local: full, peer: lacking } : { local: lacking, peer: full }
    this.#listed = { local: source === 'local', peer: source === 'peer' }
    this.bring(source)
    this.bring(this.target)
  }

  get isWhole(): boolean {
    const { local, peer } = must(this.#mirror, 'the primary runs').replicas
    return local.state === 'member' && peer.state === 'member' && local.dirty.count + peer.dirty.count + this.#unanswered === 0
  }

  /** What the target lacks is on record on both sides. */
  get wasKnown(): boolean {
    return this.#wasKnown
  }

  /** Blocks that either side has on record. */
  get recorded(): number {
    const { local, peer } = this.storages
    return Array.from({ length: this.plan.blocks }, (_, block) => block).filter(
      (block) => local.names(block) || peer.names(block),
    ).length
  }

  /** What happens next; null when nothing does. */
  step(): string | null {
    const { turns } = this.plan
    const first = turns === 'in order' ? undefined : this.#pending.find(({ lane }) => lane === turns)
    const next = first ?? this.#pending[0]
    if (next === undefined) return null
    this.#pending.splice(this.#pending.indexOf(next), 1)
    next.act()
    const [source, target] = [this.storages[otherSide(this.target)].head, this.storages[this.target].head]
    this.#wasKnown ||= target.generations.current === source.generations.bitmap
    return next.what
  }

  run(): void {
    for (let steps = 0; this.step() !== null; steps++) if (steps > 10_000) throw new Error('it never ends')
  }

  /** Until nothing is left to be done, if the guest leaves it at that. */
  rest(): void {
    this.run()
    this.#apply({ on: 'start-is-over' })
    this.run()
    this.#apply({ on: 'idle' })
    this.run()
  }

  write(block: number): void {
    this.#later('local', `guest writes ${block}`, () => {
      const length = BLOCK_BYTES
      const data = bufferOf(new Int32Array(length / CELL_BYTES).fill(1000 + ++this.#requests))
      this.#unanswered++
      const request = { kind: 'write', offset: block * length, length, data, fua: false } as const
      this.#apply({ on: 'request', id: this.#requests, request })
    })
  }

  // --- what befalls it ------------------------------------------------------------------------------------------------------

  /** Of the local side it is the primary's process. */
  kill(side: Side): void {
    this.seats[side] = null
    if (side === 'local') {
      this.#drop('local', 'witness')
      this.#mirror = null
    } else this.#drop('peer')
    this.cut()
  }

  power(side: Side): void {
    this.kill(side)
    this.storages[side].powerCut()
  }

  /** What the peer was asked and has got is done there, but nobody hears of it. */
  cut(): void {
    this.#drop('link')
    if (this.#link === 0) return
    this.#link = 0
    this.seats.peer?.apply({ on: 'link-lost' })
    for (let next = this.#next('peer'); next !== undefined; next = this.#next('peer')) {
      this.#pending.splice(this.#pending.indexOf(next), 1)
      next.act()
    }
    this.#drop('link')
    if (this.#mirror !== null) this.#apply({ on: 'replica-down', side: 'peer', error: 'EPIPE' })
  }

  diskFails(side: Side): void {
    this.seats[side] = null
    this.#drop(side)
    this.storages[side].head = { ...this.storages[side].head, boot: '' }
    if (side === 'peer') this.#drop('link')
    this.#apply({ on: 'replica-down', side, error: 'EIO' })
  }

  /** This side is there again, with all that it takes. */
  bring(side: Side): void {
    if (this.#mirror === null) this.#startPrimary(side)
    if (side === 'local') {
      if (this.seats.local === null) this.seats.local = this.#open('local', () => this.#present('local'))
    } else if (this.#link === 0 || this.seats.peer === null) this.#connect()
  }

  #startPrimary(first: Side): void {
    this.#greeted = `process ${++this.#processes}`
    const newGeneration = (): string => `g${++this.#generations}`
    this.#unanswered = 0
    this.#mirror = new Mirror({
      ...{ sizeBytes: this.storages.local.sizeBytes, listed: this.#listed, tracked: true, newGeneration, patient: true },
    })
    if (first === 'peer') this.#apply({ on: 'replica-down', side: 'local', error: 'ENOENT' })
  }

  #connect(): void {
    const primary = this.#greeted
    this.#link = ++this.#links
    const { peer } = this.seats
    if (peer === null) this.seats.peer = this.#open('peer', () => this.#present('peer'))
    else if (peer.primary === primary) this.#present('peer')
    else peer.newPrimary(() => this.#present('peer'))
    must(this.seats.peer, 'it is open').primary = primary
  }

  #open(side: Side, ready: () => void): Seat {
    return new Seat(side, this.storages[side], (what, act) => this.#later(side, what, act), `opening ${++this.#openings}`, ready)
  }

  /** When it is ready, which may be at once, before it is in its place. */
  #present(side: Side): void {
    this.#later(side === 'peer' ? 'link' : 'local', `${side} is present`, () => {
      const { presence, bits } = must(this.seats[side], 'it is open')
      this.#apply({ on: 'replica-up', side, presence, bits })
    })
  }

  #next(lane: Pending['lane']): Pending | undefined {
    return this.#pending.find((each) => each.lane === lane)
  }

  #later(lane: Pending['lane'], what: string, act: () => void): void {
    this.#pending.push({ lane, what, act })
  }

  #drop(...lanes: readonly Pending['lane'][]): void {
    this.#pending = this.#pending.filter(({ lane }) => !lanes.includes(lane))
  }

  // --- what the mirror wants ------------------------------------------------------------------------------------------------

  #apply(event: MirrorEvent): void {
    for (const effect of must(this.#mirror, 'the primary runs').apply(event)) this.#run(effect)
  }

  #run(effect: MirrorEffect): void {
    if (effect.do === 'io') this.#ask(effect.side, effect.op, effect.request)
    else if (effect.do === 'hint') {
      if (effect.side === 'local' || this.#link !== 0) this.seats[effect.side]?.apply({ on: 'hint', hint: effect.hint })
    } else if (effect.do === 'reply') this.#unanswered--
    else if (effect.do === 'propose') this.#propose(effect.members)
    else if (effect.do === 'note') this.#note(effect)
  }

  #ask(side: Side, op: number, request: ReplicaRequest): void {
    const link = this.#link
    if (request.kind === 'mark' && request.mark.generations?.history.includes(request.mark.generations.current) === true)
      this.#writeOnce(1)
    this.seats[side]?.ask(op, request, (data) => {
      const answer = (): void => this.#apply({ on: 'done', side, op, error: '', ...(data === null ? {} : { data }) })
      if (side === 'local') answer()
      else if (link === this.#link) this.#later('link', `peer has done ${request.kind}`, answer)
    })
  }

  #propose(members: Members): void {
    this.#drop('witness')
    this.#later('witness', `the claim lists ${members.local ? 'local' : ''}${members.peer ? ' peer' : ''}`, () => {
      this.#listed = members
      this.#later('local', 'the primary hears of it', () => this.#apply({ on: 'claimed', members }))
    })
  }

  #note({ act, side, rule }: Extract<MirrorEffect, { do: 'note' }>): void {
    if (act === 'resync-started') this.#writeOnce(0)
    if (side !== this.target) return
    if (act === 'replica-refused') throw new Error(`refused: ${rule}`)
    const blocks = must(this.#mirror, 'the primary runs').replicas[side].dirty.count
    if (act === 'resync-started' || act === 'replica-present') this.told.push({ act, rule, blocks })
  }

  #writeOnce(which: 0 | 1): void {
    if (this.#written > which) return
    this.#written = which + 1
    this.write(this.plan.written[which])
  }
}
