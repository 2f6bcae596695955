import { assert } from './assert'

const CAPACITY_MIN = 16

/**
 * What is under way, by number: positive safe integers, mostly of things asked one after the other.
 *
 * A Map whose keys come and go makes a new table every few of them, and each table that was given up holds the next one until
 * a full collection: on a busy disk that was a kilobyte for each write, and pauses of 5 ms. This one leaves nothing behind.
 */
export class Numbered<T> {
  /** Zero: free. */
  #numbers = new Array<number>(CAPACITY_MIN).fill(0)
  #values = new Array<T | undefined>(CAPACITY_MIN).fill(undefined)
  #size = 0

  get size(): number {
    return this.#size
  }

  /** A number is used by one at a time. */
  set(number: number, value: T): void {
    assert(Number.isSafeInteger(number) && number > 0, 'a number is a positive integer')
    if (2 * (this.#size + 1) > this.#numbers.length) this.#grow()
    const at = this.#find(number)
    assert(this.#numbers[at] === 0, 'a number is used once')
    this.#numbers[at] = number
    this.#values[at] = value
    this.#size++
  }

  get(number: number): T | undefined {
    return this.#values[this.#find(number)]
  }

  /** Answers what had this number, if anything had. */
  take(number: number): T | undefined {
    const at = this.#find(number)
    const value = this.#values[at]
    if (this.#numbers[at] !== number) return undefined
    this.#free(at)
    this.#size--
    return value
  }

  /** By number, smallest first. */
  entries(): [number, T][] {
    const used = this.#numbers.flatMap((number, at): [number, T][] => (number === 0 ? [] : [[number, this.#values[at] as T]]))
    return used.sort(([one], [other]) => one - other)
  }

  /** Where it is, or would be. */
  #find(number: number): number {
    const last = this.#numbers.length - 1
    let at = number & last
    for (let found = this.#numbers[at]; found !== 0 && found !== number; found = this.#numbers[at]) at = (at + 1) & last
    return at
  }

  /** What had to give way to what was here moves up, so that it is still found. */
  #free(at: number): void {
    const last = this.#numbers.length - 1
    let hole = at
    for (let next = (hole + 1) & last; this.#numbers[next] !== 0; next = (next + 1) & last) {
      const number = this.#numbers[next] as number
      const home = number & last
      if (((next - home) & last) < ((next - hole) & last)) continue
      this.#numbers[hole] = number
      this.#values[hole] = this.#values[next]
      hole = next
    }
    this.#numbers[hole] = 0
    this.#values[hole] = undefined
  }

  #grow(): void {
    const numbers = this.#numbers
    const values = this.#values
    this.#numbers = new Array<number>(2 * numbers.length).fill(0)
    this.#values = new Array<T | undefined>(2 * numbers.length).fill(undefined)
    for (const [at, number] of numbers.entries()) {
      if (number === 0) continue
      const place = this.#find(number)
      this.#numbers[place] = number
      this.#values[place] = values[at]
    }
  }
}
