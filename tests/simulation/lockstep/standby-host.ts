import { PAGE_BYTES, type ChangedPart } from '../../../lib/ports/changed-memory'
import type { StandbyMachine, StandbySpec } from '../../../lib/ports/standby-machine'
import { Broken } from '../mirror/broken'
import { stepOf, type Client } from './machine'
import { MEMORY_BYTES, memoryIn, stepIn } from './memory'
import type { World } from './world'

interface Using extends Client {
  readonly host: number
  readonly sealed: boolean
}

/** What prepares, fills and runs a worker's standbys, one thing after the other. */
export class StandbyHost {
  readonly #toDo: (() => void)[] = []
  #standbys = 0

  constructor(
    private readonly world: World,
    private readonly user: Using,
  ) {}

  prepare({ memoryBytes }: StandbySpec): Promise<StandbyMachine> {
    if (memoryBytes !== MEMORY_BYTES) throw new Broken('one epoch', 'the standby is as large as another guest')
    return this.ask(() => this.#machine(), 0.05)
  }

  work(): void {
    this.#toDo.shift()?.()
  }

  /** What fails while it takes over is a second failure. */
  ask<T>(act: () => T, probability: number, failed: () => void = () => undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#toDo.push(() => {
        const fails = this.world.moment(this.user, 'answer of the standby')
        if (!this.user.alive) return
        if ((fails || this.world.fault('standby', probability)) && !this.user.sealed) {
          failed()
          reject(Object.assign(new Error('ENOMEM'), { code: 'ENOMEM' }))
        } else resolve(act())
      })
    })
  }

  #machine(): StandbyMachine {
    if (++this.#standbys > 1) this.world.breaks('one standby', 'two at once')
    const { world, user } = this
    const memory = Buffer.alloc(MEMORY_BYTES)
    let step = 0
    let runs = false
    let isWhole = false
    let hasFailed = false
    let isAsked = false
    const ask: StandbyHost['ask'] = (act, probability, failed) => {
      if (isAsked) world.breaks('one standby', 'it is asked for two things at once')
      isAsked = true
      return this.ask(act, probability, failed).finally(() => void (isAsked = false))
    }
    return {
      domid: '1',
      fill: (parts) =>
        ask(
          () => {
            fill(memory, parts)
            // The first copy is filled as it comes, and nothing is left for its end.
            isWhole ||= parts.length === 0
            if (isWhole && !hasFailed) world.filled(memory)
          },
          0.005,
          () => void (hasFailed = true),
        ),
      load: (state, recent) =>
        ask(() => {
          step = world.sees(() => stepIn(state))
          world.repeats(recent.sent.map(stepOf), step)
        }, 0),
      run: () =>
        ask(() => {
          runs = true
          if (hasFailed) world.breaks('one epoch', 'a standby goes on whose memory could not be filled')
          world.loaded(
            user.host,
            world.sees(() => memoryIn(memory)),
            step,
          )
        }, 0),
      end: () =>
        ask(() => {
          if (!runs) this.#standbys--
        }, 0),
    }
  }
}

/** Whole pages, as they came. */
function fill(memory: Buffer, parts: readonly ChangedPart[]): void {
  for (const { runs, bytes } of parts) {
    let at = 0
    for (const { offset, length } of runs) {
      if (offset % PAGE_BYTES !== 0) throw new Broken('one epoch', 'a part of no page')
      bytes.copy(memory, offset, at, at + length)
      at += length
    }
  }
}
