import { Connection, type RedisAddress } from './connection'
import { readJournal, type Acknowledgement } from './journal'
import { recordKey, recordText } from './record'

/** No acknowledgement between `fromMs` and `toMs` (monotonic machine time). */
export interface Gap {
  readonly fromMs: number
  readonly toMs: number
  readonly lengthMs: number
}

export interface Verdict {
  readonly acknowledged: number
  /** Acknowledged to the client and not there now: losses. */
  readonly missing: readonly number[]
  /** Acknowledged and there, but with other bytes: losses too. */
  readonly different: readonly number[]
  /** The longest first. */
  readonly gaps: readonly Gap[]
}

const BATCH = 500
const ANSWER_MS = 30_000
const GAPS_TOLD = 10

/** Reads back every record the journal says was acknowledged, of those with a number above `after`. */
export async function verifyRecords(address: RedisAddress, journal: string, after = 0): Promise<Verdict> {
  const { acknowledgements, recordBytes } = readJournal(journal)
  const numbers = [...new Set(acknowledgements.map(({ n }) => n))].filter((n) => n > after)
  const missing: number[] = []
  const different: number[] = []
  const connection = await Connection.open(address)
  try {
    for (let at = 0; at < numbers.length; at += BATCH) {
      const batch = numbers.slice(at, at + BATCH)
      const texts = await connection.getMany(batch.map(recordKey), ANSWER_MS)
      batch.forEach((n, index) => {
        const text = texts[index] ?? null
        if (text === null) missing.push(n)
        else if (text !== recordText(n, recordBytes)) different.push(n)
      })
    }
  } finally {
    connection.close()
  }
  return { acknowledged: numbers.length, missing, different, gaps: longestGaps(acknowledgements).slice(0, GAPS_TOLD) }
}

/** Times without an acknowledgement that end within the given span, the longest first. */
export function longestGaps(acknowledgements: readonly Acknowledgement[], fromMs = -Infinity, toMs = Infinity): Gap[] {
  return acknowledgements
    .slice(1)
    .map(({ at }, index) => ({ fromMs: acknowledgements[index]?.at ?? at, toMs: at }))
    .map((gap) => ({ ...gap, lengthMs: gap.toMs - gap.fromMs }))
    .filter((gap) => gap.toMs >= fromMs && gap.toMs <= toMs)
    .sort((a, b) => b.lengthMs - a.lengthMs)
}
