/** What one run of fio measured. */
export interface FioResult {
  /** Writes or reads answered per second. Flushes are not counted. */
  readonly iops: number
  readonly bytesPerSecond: number
  readonly bytes: number
  readonly latency: Latency
  /** Of the flushes, where the run made any. */
  readonly flush: Latency | null
}

/** From submission to answer, in microseconds. */
export interface Latency {
  readonly meanUs: number
  readonly p99Us: number
}

interface Times {
  readonly mean: number
  readonly percentile?: Readonly<Record<string, number>>
}

interface Direction {
  readonly iops: number
  readonly bw_bytes: number
  readonly io_bytes: number
  readonly total_ios: number
  readonly lat_ns: Times
}

interface Job {
  readonly error: number
  readonly read: Direction
  readonly write: Direction
  readonly sync: { readonly total_ios: number; readonly lat_ns: Times }
}

/** Reads fio's JSON of a single job, made with --lat_percentiles=1. Throws when the job failed or did nothing. */
export function fioResult(output: string): FioResult {
  // Notes of the engine are printed before the document, into the same file.
  const start = output.indexOf('{')
  if (start < 0) throw new Error(`fio printed no result: ${output}`)
  const { jobs } = JSON.parse(output.slice(start)) as { jobs: readonly Job[] }
  const [job] = jobs
  if (job === undefined || jobs.length !== 1) throw new Error(`fio ran ${jobs.length} jobs instead of one`)
  if (job.error !== 0) throw new Error(`fio's job failed with error ${job.error}`)
  const done = job.write.total_ios > 0 ? job.write : job.read
  if (done.total_ios === 0) throw new Error('fio did no I/O')
  return {
    iops: done.iops,
    bytesPerSecond: done.bw_bytes,
    bytes: done.io_bytes,
    latency: latencyOf(done.lat_ns),
    flush: job.sync.total_ios > 0 ? latencyOf(job.sync.lat_ns) : null,
  }
}

function latencyOf({ mean, percentile }: Times): Latency {
  const p99 = percentile?.['99.000000']
  if (p99 === undefined) throw new Error('fio reported no 99th percentile')
  return { meanUs: mean / 1000, p99Us: p99 / 1000 }
}
