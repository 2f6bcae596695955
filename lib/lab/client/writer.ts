import { existsSync } from 'node:fs'
import { Connection, ConnectionLost, type RedisAddress } from './connection'
import { Journal, readJournal } from './journal'
import { monotonicMs, recordKey, recordText } from './record'

export interface WriterOptions {
  readonly address: RedisAddress
  readonly journal: string
  readonly recordBytes: number
  /** Between an acknowledgement and the next record. */
  readonly paceMs: number
}

const ANSWER_MS = 1_000
const RETRY_MS = 50

/**
 * Writes numbered records one after another until told to stop, and notes each acknowledgement. An unanswered record is sent again on a
 * new connection under the same number. With a journal that exists it goes on after the last number in it.
 */
export async function writeRecords(options: WriterOptions, stop: AbortSignal): Promise<number> {
  const before = existsSync(options.journal) ? readJournal(options.journal).acknowledgements : []
  let next = 1 + before.reduce((highest, { n }) => Math.max(highest, n), 0)
  const journal = new Journal(options.journal, options.recordBytes)
  let connection: Connection | null = null
  try {
    while (!stop.aborted) {
      try {
        if (connection === null) {
          connection = await Connection.open(options.address)
          journal.connection('up', monotonicMs())
        }
        await connection.set(recordKey(next), recordText(next, options.recordBytes), ANSWER_MS)
        journal.acknowledged({ n: next++, at: monotonicMs() })
        await wait(options.paceMs)
      } catch (error) {
        if (!(error instanceof ConnectionLost)) throw error
        if (connection !== null) journal.connection('down', monotonicMs(), error.message)
        connection = null
        await wait(RETRY_MS)
      }
    }
  } finally {
    connection?.close()
    journal.close()
  }
  return next - 1
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : setImmediate(resolve)))
