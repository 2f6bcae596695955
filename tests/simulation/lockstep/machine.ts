import type { Capture, Captured } from '../../../lib/ports/capture'
import { PAGE_BYTES, type ChangedPages, type MemoryRange } from '../../../lib/ports/changed-memory'
import type { GuestOutput, GuestOutputEvents, GuestFrame } from '../../../lib/ports/guest-output'
import type { Guest } from './guest'
import { MEMORY_BYTES, memoryBytes, stateBytes } from './memory'
import type { World } from './world'

interface Asked {
  readonly isReady: () => boolean
  readonly answer: () => void
}

const failed = (): Error => Object.assign(new Error('EIO'), { code: 'EIO' })

/** Whoever talks to a machine: a worker, until it dies. */
export interface Client {
  readonly alive: boolean
}

interface Filter {
  readonly client: Client
  readonly events: GuestOutputEvents
  readonly underWay: number[]
  broken: boolean
}

/** The machine of a guest on a host. It outlives workers; its monitor does one thing after the other. */
export class Machine {
  readonly #asked: Asked[] = []
  #monitor: Client | null = null
  /** Whoever takes its output off its way; one that is dead throws it away. */
  #filter: Filter | null = null
  gone = false
  /** An operator has, and whoever takes its states must not let it go on. */
  #pausedByOther = false
  /** A resume failed, and nobody knows whether it was done. */
  #isUnsure = false

  constructor(
    private readonly world: World,
    readonly guest: Guest,
  ) {}

  get isPausedByOther(): boolean {
    return this.#pausedByOther
  }

  /** While nobody else has. */
  pausedByOther(): void {
    if (!this.guest.running) return
    this.#pausedByOther = true
    this.guest.running = false
  }

  resumedByOther(): void {
    if (!this.#pausedByOther) return
    this.#pausedByOther = false
    this.guest.running = true
  }

  /** Something that it was asked is done. */
  work(): void {
    const { dice } = this.world
    if (this.#filter !== null && dice.chance(0.5)) this.#deliver(this.#filter)
    else {
      const next = this.#asked[0]
      if (next?.isReady() !== true) return
      this.#asked.shift()
      next.answer()
    }
  }

  sends(step: number): void {
    if (this.#filter === null) this.world.leaves([step])
    else if (this.#filter.client.alive && !this.#filter.broken) this.#filter.underWay.push(step)
  }

  hold(client: Client, events: GuestOutputEvents): Promise<GuestOutput> {
    return this.#ask(client, () => {
      const filter: Filter = { client, events, underWay: [], broken: false }
      this.#filter = filter
      return this.#output(filter)
    })
  }

  capture(client: Client, isNew: boolean): Promise<Capture> {
    return this.#ask(client, () => {
      if (this.#monitor?.alive === true) this.world.breaks('one monitor', 'it has two clients')
      this.#monitor = client
      return this.#capture(client, isNew)
    })
  }

  #deliver(filter: Filter): void {
    const step = filter.underWay.shift()
    if (step === undefined || !filter.client.alive) return
    this.world.moment(filter.client, 'frame of the guest')
    if (filter.broken || !this.#isHeldBy(filter)) return
    filter.events.sent(frameOf(step))
    if (this.world.fault('output', 0.004)) this.#break(filter)
  }

  #break(filter: Filter): void {
    filter.broken = true
    filter.underWay.length = 0
    filter.events.failed('EPIPE')
  }

  #isHeldBy(filter: Filter): boolean {
    return filter === this.#filter && filter.client.alive
  }

  #output(filter: Filter): GuestOutput {
    return {
      release: (frames) => {
        if (this.#isHeldBy(filter) && !filter.broken && !this.gone) this.world.leaves(frames.map(stepOf))
      },
      settled: () =>
        new Promise((resolve, reject) => {
          if (this.guest.running) this.world.breaks('guest stands', 'one that runs has settled')
          const isReady = (): boolean => filter.broken || filter.underWay.length === 0
          this.#push(filter.client, isReady, () => {
            if (filter.broken || this.world.moment(filter.client, 'settled')) reject(failed())
            else resolve()
          })
        }),
      end: () =>
        this.#ask(filter.client, () => {
          if (this.#filter === filter) this.#filter = null
        }),
    }
  }

  /** `isNew`: of a client that may have come after another one. */
  #capture(client: Client, isNew: boolean): Capture {
    const baseline = Buffer.alloc(MEMORY_BYTES)
    let isOpen = true
    let isBroken = false
    const ask = <T>(act: () => T, isReady?: () => boolean, atFault?: () => void): Promise<T> => {
      if (isBroken) return Promise.reject(failed())
      if (!isOpen) this.world.breaks('one monitor', 'one that is closed was asked')
      return this.#ask(client, act, isReady, () => {
        // Some are good for nothing afterwards.
        isBroken = this.world.dice.chance(0.3)
        atFault?.()
      })
    }
    const look = (into: Buffer, ranges: readonly MemoryRange[]): ChangedPages =>
      changed(memoryBytes(this.guest.memory), baseline, into, ranges)
    const all = [{ offset: 0, length: MEMORY_BYTES }]
    let isAsked = false
    const close = (): void => {
      isOpen = false
      if (this.#monitor === client) this.#monitor = null
    }
    return {
      look: (into, ranges = all) => ask(() => look(into, ranges)),
      pause: () => {
        isAsked = false
        return ask(
          () => (this.#pausedByOther ? 'not-running' : 'paused'),
          // It waits for the guest's writes.
          () => {
            isAsked = true
            this.guest.running = false
            return this.#pausedByOther || this.guest.writing === null
          },
          () => (this.guest.running &&= !isAsked),
        )
      },
      capture: (into) => {
        const act = (): Captured => {
          if (this.guest.running) this.world.breaks('guest stands', 'one that runs was captured')
          this.world.captures(this.guest.step, memoryBytes(this.guest.memory))
          return { pages: look(into, all), state: stateBytes(this.guest.step) }
        }
        // What it had found is found no more.
        return ask(act, undefined, () => void act())
      },
      resume: () =>
        ask(
          () => {
            // A new worker cannot know who has, nor one whose former attempt failed.
            if (this.#pausedByOther && !isNew && !this.#isUnsure)
              this.world.breaks('left paused', 'a guest was resumed that somebody else had paused')
            this.#isUnsure = false
            this.#pausedByOther = false
            this.guest.running = true
          },
          undefined,
          () => {
            this.#isUnsure = true
            if (!this.#pausedByOther && this.world.dice.chance(0.5)) this.guest.running = true
          },
        ),
      end: () => {
        if (isBroken) close()
        return ask(close, undefined, close)
      },
    }
  }

  #ask<T>(client: Client, act: () => T, isReady: () => boolean = () => true, atFault: () => void = () => undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#push(client, isReady, () => {
        const fails = this.world.moment(client, 'answer of the machine')
        if (!client.alive) return
        if (fails || this.gone || (!this.#pausedByOther && this.world.fault('monitor', 0.01))) {
          if (!this.gone) atFault()
          reject(failed())
        } else resolve(act())
      })
    })
  }

  /** Of one that is dead nothing is answered. */
  #push(client: Client, isReady: () => boolean, answer: () => void): void {
    const isDead = (): boolean => !client.alive
    this.#asked.push({ isReady: () => isDead() || this.gone || isReady(), answer: () => (isDead() ? undefined : answer()) })
  }
}

const frameOf = (step: number): GuestFrame => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(step)
  return { nic: 0, bytes }
}

export const stepOf = ({ bytes }: GuestFrame): number => bytes.readDoubleLE(0)

/** Page by page; what has no room stays. */
function changed(now: Buffer, baseline: Buffer, into: Buffer, ranges: readonly MemoryRange[]): ChangedPages {
  const parts: { runs: MemoryRange[]; bytes: Buffer }[] = []
  const rest: MemoryRange[] = []
  let at = 0
  for (const { offset, length } of ranges)
    for (let page = offset; page < offset + length; page += PAGE_BYTES) {
      const bytes = now.subarray(page, page + PAGE_BYTES)
      const run = { offset: page, length: PAGE_BYTES }
      if (rest.length > 0) rest.push(run)
      else if (!bytes.equals(baseline.subarray(page, page + PAGE_BYTES))) {
        if (at === into.length) {
          rest.push(run)
          continue
        }
        bytes.copy(into, at)
        bytes.copy(baseline, page)
        parts.push({ runs: [run], bytes: into.subarray(at, at + PAGE_BYTES) })
        at += PAGE_BYTES
      }
    }
  return { parts, rest }
}
