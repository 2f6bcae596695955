import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { must } from './must'
import type { Fault } from './plan'
import { run } from './run'

/** A seed to run. `hashed`: its whole transcript is wanted, as a digest. */
export interface SeedOrder {
  readonly seed: number
  readonly hashed: boolean
  /** The only kinds of faults; drawn when left out. */
  readonly trouble?: readonly Fault[]
}

export interface SeedReport {
  readonly seed: number
  /** '' when every rule was kept. */
  readonly broken: string
  readonly detail: string
  readonly steps: number
  readonly simulatedMs: number
  /** Rare paths that it went. */
  readonly probes: readonly string[]
  /** '' unless it was wanted. */
  readonly hash: string
}

const port = must(parentPort, 'this runs as a thread')
port.on('message', ({ seed, hashed, trouble }: SeedOrder) => {
  const hash = createHash('sha256')
  const { probes, ...outcome } = run(seed, hashed ? (line) => void hash.update(line) : null, trouble)
  const report: SeedReport = { ...outcome, probes: [...probes.keys()], hash: hashed ? hash.digest('hex') : '' }
  port.postMessage(report)
})
