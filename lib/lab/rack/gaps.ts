import { type Gap, gapLine } from '../net/cut'
import type { Place } from './place'

/** The gaps behind one place's NICs. They outlive its power, as a broken switch does. */
export class Gaps {
  readonly #open = new Map<string, Gap>()

  get addresses(): readonly string[] {
    return [...this.#open.values()].map(({ address }) => address)
  }

  /** `place`: null while it has no power. @returns how many were opened or closed */
  async set(place: Place | null, gaps: readonly Gap[], state: 'open' | 'closed'): Promise<number> {
    const changed = gaps.filter((gap) => this.#open.has(gapLine(gap, 'open')) !== (state === 'open'))
    for (const gap of changed) {
      if (state === 'open') this.#open.set(gapLine(gap, 'open'), gap)
      else this.#open.delete(gapLine(gap, 'open'))
    }
    if (place !== null && changed.length > 0) await place.run(changed.map((gap) => gapLine(gap, state)).join(' && '))
    return changed.length
  }

  /** After a boot, before anything runs there. */
  async restore(place: Place): Promise<void> {
    if (this.#open.size > 0) await place.run([...this.#open.keys()].join(' && '))
  }
}
