import { ReceiveWindow, SendWindow } from '../../lib/wire/peer-window'
import type { Dice } from './prng'
import type { Life, Schedule } from './schedule'

interface Lane {
  up: boolean
  /** Grows when the lane is cut: what was on it then is gone. */
  epoch: number
  readonly latencyMs: number
  /** When the last message in each direction arrives: a connection keeps its order. */
  readonly lastAt: [number, number]
}

/** The roads between two hosts. */
export class Lanes {
  readonly lanes: readonly Lane[]
  /** Since when none of them is up. */
  downSince: number | null = null
  readonly ends = new Set<LinkEnd<unknown>>()

  constructor(
    latenciesMs: readonly number[],
    readonly dice: Dice,
    readonly schedule: Schedule,
  ) {
    this.lanes = latenciesMs.map((latencyMs) => ({ up: true, epoch: 0, latencyMs, lastAt: [0, 0] }))
  }

  get isUp(): boolean {
    return this.lanes.some(({ up }) => up)
  }

  set(index: number, up: boolean): void {
    const lane = this.lanes[index]
    if (lane === undefined || lane.up === up) return
    lane.up = up
    if (!up) this.glitch(index)
    this.downSince = this.isUp ? null : this.schedule.now
    this.#tell()
  }

  /** The connections on a lane break; new ones are made at once. */
  glitch(index: number): void {
    const lane = this.lanes[index]
    if (lane === undefined) return
    lane.epoch++
    this.#tell()
  }

  /** Takes a message along a lane, unless that is cut meanwhile. */
  carry(lane: Lane, direction: 0 | 1, arrive: () => void): void {
    if (!lane.up) return
    const { epoch } = lane
    const wished = this.schedule.now + lane.latencyMs * (0.3 + this.dice.fraction())
    const at = Math.max(wished, lane.lastAt[direction])
    lane.lastAt[direction] = at
    this.schedule.after(at - this.schedule.now, () => {
      if (lane.epoch === epoch) arrive()
    })
  }

  /** The ends notice a change by silence, so a while later. */
  #tell(): void {
    for (const end of this.ends) this.schedule.after(this.dice.fraction() * 60, () => end.look(), end.life)
  }
}

export interface LinkEvents<M> {
  readonly frame: (message: M) => void
  readonly down: (reason: string) => void
}

/** Simulated milliseconds without any lane after which a link is down. */
const DOWN_AFTER_MS = 400
const CONFIRM_AFTER_MS = 10
/** Not a word came over good lanes for so long: nobody is there. */
const STALLED_FOR_MS = 1000

/**
 * One end of an ordered stream over lanes that lose, repeat and overtake: frames go over one lane, and what was not confirmed is
 * said again on the next one.
 */
export class LinkEnd<M> {
  readonly #sending = new SendWindow()
  readonly #receiving = new ReceiveWindow()
  readonly #messages = new Map<number, M>()
  #confirmed = 0
  #carrier: Lane | null = null
  #carrierEpoch = 0
  #confirmDue = false
  #over = false
  #other: LinkEnd<M> | null = null

  private constructor(
    private readonly lanes: Lanes,
    private readonly direction: 0 | 1,
    readonly life: Life,
    private readonly events: LinkEvents<M>,
  ) {
    lanes.ends.add(this as LinkEnd<unknown>)
    this.look()
  }

  static pair<M>(lanes: Lanes, one: [Life, LinkEvents<M>], two: [Life, LinkEvents<M>]): [LinkEnd<M>, LinkEnd<M>] {
    const ends: [LinkEnd<M>, LinkEnd<M>] = [new LinkEnd(lanes, 0, ...one), new LinkEnd(lanes, 1, ...two)]
    ends[0].#other = ends[1]
    ends[1].#other = ends[0]
    return ends
  }

  get isOver(): boolean {
    return this.#over
  }

  send(message: M): void {
    if (this.#over) return
    const { position } = this.#sending.add({ type: 'pong', id: 0 })
    this.#messages.set(position, message)
    this.#transmit(position, message)
  }

  /** Another lane is taken although the old one still carries: what is under way there comes twice. */
  change(): void {
    const up = this.lanes.lanes.filter((lane) => lane.up)
    if (up.length === 0) return
    if (this.#other?.isOver !== true) this.#repeatOn(this.lanes.dice.of(up))
    else {
      // It finds out that nobody is there.
      this.#carrier = null
      this.look()
    }
  }

  close(reason: string): void {
    if (this.#over) return
    for (const lane of this.lanes.lanes)
      this.lanes.carry(lane, this.direction, () => this.#hear(() => this.#other?.end(`bye: ${reason}`)))
    this.end(reason)
  }

  end(reason: string): void {
    if (this.#over) return
    this.#over = true
    this.lanes.ends.delete(this as LinkEnd<unknown>)
    this.events.down(reason)
  }

  /** The process is gone: its machine says so to whoever can be reached; a machine that is gone says nothing. */
  dies(silently: boolean): void {
    this.#over = true
    this.lanes.ends.delete(this as LinkEnd<unknown>)
    const other = this.#other
    if (other === null || other.#over) return
    if (silently) this.lanes.schedule.after(DOWN_AFTER_MS, () => other.end('silent'), other.life)
    else for (const lane of this.lanes.lanes) this.lanes.carry(lane, this.direction, () => this.#hear(() => other.end('reset')))
  }

  /** Its process stands still until then: the other end takes it for gone after a while, and it finds that out when it goes on. */
  stalls(untilMs: number): void {
    const { schedule, dice } = this.lanes
    const other = this.#other
    if (other === null) return
    const noticed = (): void => {
      if (this.life.alive && this.life.stalledUntil > schedule.now) other.end('silent')
    }
    schedule.after(STALLED_FOR_MS + dice.fraction() * 50, noticed, other.life)
    schedule.after(untilMs - schedule.now, () => this.change(), this.life)
  }

  /** Is the lane still good, and is there any? */
  look(): void {
    if (this.#over) return
    const { lanes, schedule, dice, downSince } = this.lanes
    const good = this.#carrier?.up === true && this.#carrier.epoch === this.#carrierEpoch
    if (good) return
    const up = lanes.filter((lane) => lane.up)
    if (up.length > 0) {
      // The other end may have died or given up while nothing could be said.
      if (this.#other !== null && this.#other.#over) {
        this.lanes.carry(dice.of(up), this.direction, () => this.lanes.schedule.to(this.life, () => this.end('reset')))
        this.#carrier = null
        this.lanes.schedule.after(CONFIRM_AFTER_MS * 5, () => this.look(), this.life)
      } else this.#repeatOn(dice.of(up))
      return
    }
    this.#carrier = null
    const downForMs = schedule.now - (downSince ?? schedule.now)
    if (downForMs >= DOWN_AFTER_MS) this.end('silent')
    else schedule.after(DOWN_AFTER_MS - downForMs + dice.fraction() * 50, () => this.look(), this.life)
  }

  #repeatOn(lane: Lane): void {
    this.#carrier = lane
    this.#carrierEpoch = lane.epoch
    for (const { position } of this.#sending.toRepeat()) {
      const message = this.#messages.get(position)
      if (message !== undefined) this.#transmit(position, message)
    }
  }

  #transmit(position: number, message: M): void {
    const received = this.#receiving.received
    this.#confirmDue = false
    if (this.#carrier !== null && this.#carrier.epoch === this.#carrierEpoch)
      this.lanes.carry(this.#carrier, this.direction, () => this.#hear(() => this.#other?.accept(position, received, message)))
  }

  #hear(act: () => void): void {
    if (this.#other !== null) this.lanes.schedule.to(this.#other.life, act)
  }

  private accept(position: number, received: number, message: M): void {
    if (this.#over || !this.#confirms(received)) return
    const verdict = this.#receiving.accept(position)
    if (verdict === 'gap') throw new Error(`frame ${position} came after ${this.#receiving.received}`)
    if (!this.#confirmDue) {
      this.#confirmDue = true
      this.lanes.schedule.after(CONFIRM_AFTER_MS, () => this.#confirmNow(), this.life)
    }
    if (verdict === 'deliver') this.events.frame(message)
  }

  #confirmNow(): void {
    if (!this.#confirmDue || this.#over || this.#carrier === null) return
    this.#confirmDue = false
    const received = this.#receiving.received
    this.lanes.carry(this.#carrier, this.direction, () =>
      this.#hear(() => {
        if (this.#other?.isOver === false) this.#other.#confirms(received)
      }),
    )
  }

  #confirms(received: number): boolean {
    if (!this.#sending.confirm(received)) throw new Error('the other end confirms what was never sent')
    while (this.#confirmed < received) this.#messages.delete(++this.#confirmed)
    return true
  }
}
