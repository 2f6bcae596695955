/** What is known of a stretch of a disk. */

export interface Range {
  readonly offset: number
  readonly length: number
}

/** A stretch of which one thing is known; length in bytes. `hole`: no space is taken; `zero`: it reads as zeroes. */
export interface Extent {
  readonly lengthBytes: number
  readonly hole: boolean
  readonly zero: boolean
}

const HOLE = { hole: true, zero: true } as const
const DATA = { hole: false, zero: false } as const

/** Of the stretch from `from` to `to`: data where `ends` says so, holes elsewhere. `ends`: first and past the last byte of each run of data. */
export function extentsBetween(from: number, to: number, ends: readonly number[]): Extent[] {
  const found: Extent[] = []
  const add = (lengthBytes: number, what: typeof HOLE | typeof DATA): void => {
    if (lengthBytes > 0) found.push({ lengthBytes, ...what })
  }
  let at = from
  for (let index = 0; index + 1 < ends.length; index += 2) {
    const [first = to, past = to] = [ends[index], ends[index + 1]]
    add(first - at, HOLE)
    add(past - first, DATA)
    at = past
  }
  add(to - at, HOLE)
  return found
}

/** The same, but of these ranges nothing is told but that there may be data. `offset`: where the first extent begins. */
export function withDataIn(extents: readonly Extent[], offset: number, ranges: readonly Range[]): readonly Extent[] {
  const cuts = union(ranges)
  if (cuts.length === 0) return extents
  const told: Extent[] = []
  let at = offset
  let next = 0
  for (const { lengthBytes, hole, zero } of extents) {
    const end = at + lengthBytes
    while (at < end) {
      while ((cuts[next]?.end ?? end) <= at) next++
      const { start, end: over } = cuts[next] ?? { start: end, end }
      const isCut = start <= at
      const stop = Math.min(end, isCut ? over : start)
      told.push({ lengthBytes: stop - at, ...(isCut ? DATA : { hole, zero }) })
      at = stop
    }
  }
  return told
}

/** In order, none touching another. */
function union(ranges: readonly Range[]): { readonly start: number; end: number }[] {
  const joined: { readonly start: number; end: number }[] = []
  for (const { offset, length } of [...ranges].sort((one, other) => one.offset - other.offset)) {
    const last = joined.at(-1)
    if (length === 0) continue
    if (last !== undefined && offset <= last.end) last.end = Math.max(last.end, offset + length)
    else joined.push({ start: offset, end: offset + length })
  }
  return joined
}
