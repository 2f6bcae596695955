import { RedisError, type Reply } from './line/resp'

const TOLD_MAX = 20

/** What a guest owes a client that counts: every answer is the one that follows the last, and what it acknowledged stays. */
export class CountCheck {
  readonly #broken: string[] = []
  #answers = 0
  #counted = 0
  #stored = 0
  /** The last text of each key that was acknowledged. */
  readonly #texts = new Map<string, string>()
  #lastAtMs = Number.NaN
  #longestGapMs = 0

  /** An answer to the next INCR, in the order in which they were asked. */
  counted(reply: Reply, atMs: number): void {
    const wanted = this.#counted + 1
    if (reply !== wanted) this.breaks(`INCR number ${wanted} was answered with ${shown(reply)}`)
    this.#answers += 1
    // What follows a wrong answer follows that one: a jump is told once.
    this.#counted = typeof reply === 'number' ? reply : wanted
    if (!Number.isNaN(this.#lastAtMs)) this.#longestGapMs = Math.max(this.#longestGapMs, atMs - this.#lastAtMs)
    this.#lastAtMs = atMs
  }

  /** The client is going to be silent for a while, of its own accord. */
  paused(): void {
    this.#lastAtMs = Number.NaN
  }

  /** An answer to a SET. */
  stored(key: string, text: string, reply: Reply): void {
    if (reply !== 'OK') {
      this.breaks(`SET ${key} was answered with ${shown(reply)}`)
      return
    }
    this.#stored += 1
    this.#texts.set(key, text)
  }

  /** What is read back while nothing is under way. */
  readBack(key: string, reply: Reply): void {
    const wanted = this.#texts.get(key)
    if (reply !== wanted) this.breaks(`${key} was acknowledged as ${shown(wanted ?? null)} and holds ${shown(reply)}`)
  }

  /** The counter, read while nothing is under way. */
  counterIs(reply: Reply): void {
    if (reply !== String(this.#counted)) this.breaks(`the last count was ${this.#counted}, and the counter is ${shown(reply)}`)
  }

  /** Anything else that may not be. */
  breaks(what: string): void {
    if (this.#broken.length < TOLD_MAX) this.#broken.push(what)
  }

  get keys(): readonly string[] {
    return [...this.#texts.keys()]
  }

  get verdict(): CountVerdict {
    return { counted: this.#answers, stored: this.#stored, longestGapMs: this.#longestGapMs, broken: [...this.#broken] }
  }
}

export interface CountVerdict {
  /** Answered INCRs. */
  readonly counted: number
  /** Answered SETs. */
  readonly stored: number
  /** Between two answered INCRs, with nothing of the client's own in between. Milliseconds. */
  readonly longestGapMs: number
  /** A sentence for each promise that was not kept, the first twenty; empty when all were. */
  readonly broken: readonly string[]
}

const shown = (reply: Reply): string =>
  (reply instanceof RedisError ? `the error ${reply.text}` : JSON.stringify(reply)).slice(0, 120)
