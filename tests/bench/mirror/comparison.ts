import type { Measured } from './measure'
import type { MeasuredRow, SubjectNote } from './report'
import { goalsOf, ROWS, type Goals, type Row } from './rows'
import { ratio, spread, type Spread } from './statistics'

/** A row of the table, in medians over the rounds. */
export interface Comparison {
  readonly row: Row
  readonly goals: Goals
  readonly figures: readonly Figures[]
  /** Holdfast's IOPS as a multiple of the faster peer's and of the floor's; null where one of them was not measured. */
  readonly overPeer: Spread | null
  readonly overFloor: Spread | null
}

/** One subject's. Of the peers only the fastest is here. */
export interface Figures {
  readonly subject: string
  readonly part: SubjectNote['part']
  readonly iops: Spread
  readonly bytesPerSecond: number
  readonly meanUs: number
  readonly p99Us: number
  readonly cpuSecondsPerGb: number
  readonly peakBytes: number
  readonly disturbance: number
}

export function compare({ row: name, rounds }: MeasuredRow, subjects: readonly SubjectNote[]): Comparison {
  const row = ROWS.find((each) => each.name === name)
  if (row === undefined) throw new Error(`a row ${name} is not known`)
  const measured = subjects.flatMap(({ name: subject, part }) => {
    const of = rounds[subject]
    return of === undefined ? [] : [{ subject, part, rounds: of, iops: of.map(({ iops }) => iops) }]
  })
  const fastest = (part: SubjectNote['part']) =>
    measured
      .filter((each) => each.part === part)
      .reduce<(typeof measured)[number] | null>(
        (best, each) => (best === null || spread(each.iops).median > spread(best.iops).median ? each : best),
        null,
      )
  const [mirror, peer, floor] = [fastest('mirror'), fastest('peer'), fastest('floor')]
  const over = (other: typeof mirror): Spread | null =>
    mirror === null || other === null ? null : ratio(mirror.iops, other.iops)
  return {
    row,
    goals: goalsOf(row),
    figures: [mirror, peer, floor].flatMap((each) => (each === null ? [] : [figures(each.subject, each.part, each.rounds)])),
    overPeer: over(peer),
    overFloor: over(floor),
  }
}

function figures(subject: string, part: SubjectNote['part'], rounds: readonly Measured[]): Figures {
  const median = (of: (one: Measured) => number): number => spread(rounds.map(of)).median
  return {
    subject,
    part,
    iops: spread(rounds.map(({ iops }) => iops)),
    bytesPerSecond: median((one) => one.bytesPerSecond),
    meanUs: median((one) => one.latency.meanUs + (one.flush?.meanUs ?? 0)),
    p99Us: median((one) => Math.max(one.latency.p99Us, one.flush?.p99Us ?? 0)),
    cpuSecondsPerGb: median((one) => one.cpuSecondsPerGb),
    peakBytes: median((one) => sum(one.peakBytes)),
    disturbance: median((one) => one.disturbance),
  }
}

export const sum = (of: Readonly<Record<string, number>>): number => Object.values(of).reduce((total, each) => total + each, 0)
