import { assert } from '../domain/assert'
import type { KeeperEffect } from './events'

interface Save {
  readonly effect: KeeperEffect
  then: () => void
}

/** What is to be put on stable storage, one thing after the other; the first one is under way. */
export class Saves {
  readonly #due: Save[] = []

  constructor(private readonly out: (effect: KeeperEffect) => void) {}

  get isIdle(): boolean {
    return this.#due.length === 0
  }

  /** `then`: it is there. */
  add(effect: KeeperEffect, then: () => void = () => undefined): void {
    this.#due.push({ effect, then })
    if (this.#due.length === 1) this.out(effect)
  }

  /** Called when all is done that is due now; at once when nothing is. */
  afterLast(then: () => void): void {
    const last = this.#due.at(-1)
    if (last === undefined) {
      then()
      return
    }
    const before = last.then
    last.then = () => {
      before()
      then()
    }
  }

  /** The first one is done. */
  saved(): void {
    const done = this.#due.shift()
    assert(done !== undefined, 'a save was under way')
    done.then()
    const next = this.#due[0]
    if (next !== undefined) this.out(next.effect)
  }
}
