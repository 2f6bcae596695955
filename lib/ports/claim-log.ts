import type { ClaimRecord } from '../core/domain/claim-record'

/** Where a witness keeps its claims. One process at a time has it open. */
export interface ClaimLog {
  /** Made up when the log was made; another name means another log, which knows nothing of the former one's claims. */
  readonly witness: string
  /** The highest revision ever written. */
  readonly revision: number
  /** What was stored and not removed, when the log was opened. */
  readonly records: readonly ClaimRecord[]
  /**
   * `durable`: all records are on stable storage. `no-room`: none is, and none will be. Rejects when neither is certain; then
   * the log must be opened again, by a new process.
   */
  append(records: readonly ClaimRecord[]): Promise<'durable' | 'no-room'>
  close(): Promise<void>
}
