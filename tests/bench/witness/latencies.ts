/** How long requests took, in milliseconds. */
export interface Latencies {
  readonly count: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** @param tookMs of each request that was answered within `seconds` */
export function latencies(tookMs: readonly number[], seconds: number): Latencies {
  const sorted = Float64Array.from(tookMs).sort()
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0
  return { count: sorted.length, perSecond: sorted.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
