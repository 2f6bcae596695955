import { createHash } from 'node:crypto'

/** Numbers that a seed determines. */
export class Dice {
  #drawn = 0

  constructor(readonly seed: number) {}

  /** At least 0, below 1. */
  fraction(): number {
    const digest = createHash('sha256').update(`${this.seed}:${this.#drawn++}`).digest()
    return digest.readUInt32BE(0) / 2 ** 32
  }

  /** A whole number; both ends are possible. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1))
  }

  of<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.between(0, choices.length - 1)] ?? choices[0]
  }

  /** Each with its chance; at least one. */
  some<T>(choices: readonly [T, ...T[]], chance: number): T[] {
    const taken = choices.filter(() => this.fraction() < chance)
    return taken.length > 0 ? taken : [this.of(choices)]
  }
}
