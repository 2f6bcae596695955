import type { Roads } from './lanes-between'
import type { Machine } from './machine'
import type { MachineName } from './names'
import type { Nature } from './process'

/** What goes between two hosts without a worker's link: heartbeats, and requests of daemons and XAPIs. */
export class Air {
  /** Ways on which datagrams are lost: `a b`. */
  readonly muted = new Set<string>()
  /** Of datagrams. */
  loss = 0

  constructor(
    private readonly nature: Nature,
    private readonly roads: Roads,
    readonly latencyMs: number,
  ) {}

  /** One datagram on each link, which may come twice or not at all. `arrive` gets the links over which it came. */
  send(from: MachineName, to: MachineName, arrive: (links: readonly string[]) => void): void {
    if (this.muted.has(`${from} ${to}`)) return
    const { schedule, dice } = this.nature
    const { lanes } = this.roads.between(from, to).lanes
    const links = lanes.flatMap(({ up }, index) => (up && !dice.chance(this.loss) ? [linkName(index)] : []))
    if (links.length === 0) return
    schedule.after(dice.fraction() * this.latencyMs, () => arrive(links))
    if (dice.chance(this.loss / 4)) schedule.after(dice.fraction() * this.latencyMs * 20, () => arrive(links))
  }

  reaches(from: Machine, to: Machine): boolean {
    return from === to || (to.powered && this.roads.between(from.name, to.name).lanes.isUp)
  }
}

const linkName = (index: number): string => (index === 0 ? 'management' : `alink${index - 1}`)
