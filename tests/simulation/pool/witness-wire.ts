import type { ClaimConnection } from '../../../lib/ports/claim-server'
import type { Life } from '../../world/schedule'
import type { Nature } from './process'
import type { WitnessHost } from './witness-host'

/** One way between a host and the witness. */
interface Way {
  up: boolean
  /** On top of what every message takes, at most. */
  slowMs: number
  /** Came to where it is cut: a connection says again what was lost, once it can. */
  readonly held: (() => void)[]
}

export type Direction = 'out' | 'in'

/** The road between one host and the witness, each way by itself. */
export class WitnessRoad {
  readonly ways: Readonly<Record<Direction, Way>> = { out: newWay(), in: newWay() }

  constructor(
    readonly nature: Nature,
    readonly witness: WitnessHost,
    private readonly latencyMs: number,
  ) {}

  set(direction: Direction, up: boolean): void {
    const way = this.ways[direction]
    way.up = up
    if (up) for (const again of way.held.splice(0)) again()
  }

  /** What is said on one connection arrives in order, also what is said again after a cut. */
  carry(direction: Direction, lane: Lane, arrive: () => void): void {
    lane.said.push(arrive)
    this.#bring(direction, lane)
  }

  #bring(direction: Direction, lane: Lane): void {
    const { schedule, dice } = this.nature
    const way = this.ways[direction]
    lane.at = Math.max(lane.at, schedule.now + dice.fraction() * (this.latencyMs + way.slowMs))
    schedule.after(lane.at - schedule.now, () => {
      if (way.up) lane.said.shift()?.()
      else way.held.push(() => this.#bring(direction, lane))
    })
  }
}

/** One way of one connection: when what was said last arrives, and what has not arrived yet. */
interface Lane {
  at: number
  readonly said: (() => void)[]
}

const newWay = (): Way => ({ up: true, slowMs: 0, held: [] })

export interface WireEvents {
  connected(): void
  line(line: string): void
  closed(): void
}

/** One connection of a host's process to the witness. What was said before its end may still arrive after it. */
export class WitnessWire implements ClaimConnection {
  readonly #out: Lane = { at: 0, said: [] }
  readonly #in: Lane = { at: 0, said: [] }
  #isOpenHere = true
  #isOpenThere = false

  constructor(
    private readonly road: WitnessRoad,
    private readonly life: Life,
    readonly pool: string,
    readonly remote: string,
    private readonly events: WireEvents,
  ) {
    this.#there(() => {
      const { daemon } = road.witness
      if (daemon === null) {
        this.#here(() => this.#ended())
        return
      }
      this.#isOpenThere = true
      road.witness.wires.add(this)
      daemon.opened(this)
      this.#here(() => this.events.connected())
    })
  }

  // --- the host's side --------------------------------------------------------------------------------------------------------

  say(line: string): void {
    if (!this.#isOpenHere) return
    this.#there(() => {
      if (this.#isOpenThere) this.road.witness.daemon?.line(this, line.trimEnd())
    })
  }

  /** Nobody here hears of it any more; the witness, in a while. */
  destroy(): void {
    if (!this.#isOpenHere) return
    this.#isOpenHere = false
    this.#there(() => this.#closeThere())
  }

  // --- the witness's side -----------------------------------------------------------------------------------------------------

  send(line: string): void {
    if (this.#isOpenThere) this.#here(() => this.events.line(line.trimEnd()))
  }

  close(): void {
    this.#closeThere()
    this.#here(() => this.#ended())
  }

  /** The witness is gone. */
  reset(): void {
    this.#isOpenThere = false
    this.road.witness.wires.delete(this)
    this.#here(() => this.#ended())
  }

  #closeThere(): void {
    if (!this.#isOpenThere) return
    this.#isOpenThere = false
    this.road.witness.wires.delete(this)
    this.road.witness.daemon?.closed(this)
  }

  #there(arrive: () => void): void {
    const { witness, nature } = this.road
    this.road.carry('out', this.#out, () => {
      if (witness.daemon === null) arrive()
      else nature.schedule.to(witness.process.life, arrive)
    })
  }

  #here(arrive: () => void): void {
    this.road.carry('in', this.#in, () =>
      this.road.nature.schedule.to(this.life, () => {
        if (this.#isOpenHere) arrive()
      }),
    )
  }

  #ended(): void {
    this.#isOpenHere = false
    this.events.closed()
  }
}
