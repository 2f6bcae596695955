import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'

/** An acknowledgement the client received: record number and machine time in ms (monotonic). */
export interface Acknowledgement {
  readonly n: number
  readonly at: number
}

export interface JournalText {
  readonly recordBytes: number
  readonly acknowledgements: readonly Acknowledgement[]
}

/**
 * The client's own book: JSON lines, `{"recordBytes"}` first, then `{"n","at"}` for each acknowledged record and `{"down"|"up","at"}` where
 * the connection was lost and found. A line is in the kernel's hands before the next record is sent.
 */
export class Journal {
  readonly #file: number

  constructor(path: string, recordBytes: number) {
    dropCutLine(path)
    this.#file = openSync(path, 'a', 0o644)
    this.#write({ recordBytes })
  }

  acknowledged({ n, at }: Acknowledgement): void {
    this.#write({ n, at: Math.round(at * 1000) / 1000 })
  }

  connection(state: 'up' | 'down', at: number, why = ''): void {
    this.#write({ [state]: why, at: Math.round(at) })
  }

  close(): void {
    closeSync(this.#file)
  }

  #write(line: Record<string, unknown>): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}

/** A writer that was killed in the middle of a line must not spoil the first line of the next. */
function dropCutLine(path: string): void {
  if (existsSync(path)) truncateSync(path, readFileSync(path).lastIndexOf('\n') + 1)
}

/** Reads a journal, also one whose writer was killed in the middle of its last line. */
export function readJournal(path: string): JournalText {
  const acknowledgements: Acknowledgement[] = []
  let recordBytes = 0
  const lines = readFileSync(path, 'utf8').split('\n')
  for (const line of lines.slice(0, -1)) {
    const entry: unknown = JSON.parse(line)
    if (typeof entry !== 'object' || entry === null) throw new Error(`${path}: not a journal line: ${line}`)
    if ('recordBytes' in entry && typeof entry.recordBytes === 'number') recordBytes = entry.recordBytes
    if ('n' in entry && 'at' in entry && typeof entry.n === 'number' && typeof entry.at === 'number') {
      acknowledgements.push({ n: entry.n, at: entry.at })
    }
  }
  return { recordBytes, acknowledgements }
}
