/** Of several rounds of one measurement. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other)
  const [min, max] = [sorted[0], sorted.at(-1)]
  if (min === undefined || max === undefined) throw new Error('nothing was measured')
  const upper = sorted[Math.floor(sorted.length / 2)] ?? max
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? min
  return { median: (lower + upper) / 2, min, max }
}

/** Round by round, so that what slowed a whole round down does not count; both were measured in as many rounds. */
export function ratio(values: readonly number[], others: readonly number[]): Spread {
  if (values.length !== others.length) throw new Error(`${values.length} rounds cannot be compared with ${others.length}`)
  return spread(values.map((value, round) => value / (others[round] ?? NaN)))
}
