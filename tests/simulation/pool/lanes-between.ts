import { Lanes } from '../../world/link'
import type { Life } from '../../world/schedule'
import type { MachineName } from './names'
import type { Nature } from './process'

/** The roads between every two hosts. */
export class Roads {
  readonly #pairs = new Map<string, Lanes>()

  constructor(
    private readonly nature: Nature,
    private readonly lanesMs: readonly number[],
  ) {}

  /** `direction`: as Lanes names the way from `from` to `to`. */
  between(from: MachineName, to: MachineName): { lanes: Lanes; direction: 0 | 1 } {
    const [first, second] = from < to ? [from, to] : [to, from]
    const key = `${first} ${second}`
    const lanes = this.#pairs.get(key) ?? new Lanes(this.lanesMs, this.nature.dice, this.nature.schedule)
    this.#pairs.set(key, lanes)
    return { lanes, direction: from < to ? 0 : 1 }
  }

  all(): readonly Lanes[] {
    return [...this.#pairs.values()]
  }

  /** Every link of a process that is gone. `silently`: its machine says nothing any more. */
  died(life: Life, silently: boolean): void {
    for (const lanes of this.all()) for (const end of [...lanes.ends]) if (end.life === life) end.dies(silently)
  }

  stalled(life: Life, untilMs: number): void {
    for (const lanes of this.all()) for (const end of [...lanes.ends]) if (end.life === life) end.stalls(untilMs)
  }
}
