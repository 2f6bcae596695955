import { CannotMeasure } from '../cannot-measure'

/** One line of the table: a load as fio makes it. */
export interface Row {
  readonly name: string
  readonly text: string
  readonly pattern: 'randwrite' | 'write' | 'randread'
  readonly blockBytes: number
  readonly depth: number
  /** Each write is followed by a flush. */
  readonly flushes: boolean
}

const KIB = 1024
const MIB = 1024 * KIB

export const ROWS: readonly Row[] = [
  row('4k-d1', '4k random write, depth 1', 'randwrite', 4 * KIB, 1),
  row('4k-d8', '4k random write, depth 8', 'randwrite', 4 * KIB, 8),
  row('4k-d32', '4k random write, depth 32', 'randwrite', 4 * KIB, 32),
  row('64k-d8', '64k random write, depth 8', 'randwrite', 64 * KIB, 8),
  row('1m-d4', '1M sequential write, depth 4', 'write', MIB, 4),
  row('read-4k-d1', '4k random read, depth 1', 'randread', 4 * KIB, 1),
  row('read-4k-d32', '4k random read, depth 32', 'randread', 4 * KIB, 32),
  row('fsync-4k-d1', '4k random write, flush after each, depth 1', 'randwrite', 4 * KIB, 1, true),
  row('fsync-4k-d8', '4k random write, flush after each, depth 8', 'randwrite', 4 * KIB, 8, true),
]

function row(name: string, text: string, pattern: Row['pattern'], blockBytes: number, depth: number, flushes = false): Row {
  return { name, text, pattern, blockBytes, depth, flushes }
}

/** What Holdfast is meant to reach: its IOPS as a multiple of the other mirror's, and of a single storage daemon's. */
export interface Goals {
  readonly overPeer: number
  readonly overFloor: number
}

/** At depth 1 a mirrored write takes two hops where the floor's takes one, so not much more than 0.6 of it can be had. */
export const goalsOf = ({ depth }: Row): Goals => ({ overPeer: depth >= 8 ? 1.5 : 1, overFloor: depth === 1 ? 0.5 : 0.6 })

/** What a worker of one disk may take in memory: idle, and under 32 requests of 1 MiB. */
export const WORKER_MEMORY_GOALS = { idleBytes: 60e6, loadedBytes: 200e6 }

/** @param names as they were typed, with commas between; empty means all. Throws CannotMeasure. */
export function rowsNamed(names: string): readonly Row[] {
  const wanted = names.split(',').filter((name) => name !== '')
  const unknown = wanted.filter((name) => !ROWS.some((each) => each.name === name))
  if (unknown.length > 0) {
    throw new CannotMeasure(
      `There is no row ${unknown.join(', ')}.`,
      'Rows are chosen by their names.',
      `Choose from ${ROWS.map(({ name }) => name).join(', ')}.`,
    )
  }
  return wanted.length === 0 ? ROWS : ROWS.filter(({ name }) => wanted.includes(name))
}
