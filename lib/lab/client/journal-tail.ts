import { closeSync, existsSync, openSync, readSync } from 'node:fs'

const CHUNK_BYTES = 1 << 16

/** What was written to a file of JSON lines since it was last asked for: a long run reads each line once. */
export class JournalTail {
  #atBytes = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor(private readonly path: string) {}

  next(): unknown[] {
    if (!existsSync(this.path)) return []
    const file = openSync(this.path, 'r')
    const parts = [this.#rest]
    try {
      for (;;) {
        const chunk = Buffer.alloc(CHUNK_BYTES)
        const read = readSync(file, chunk, 0, CHUNK_BYTES, this.#atBytes)
        if (read === 0) break
        this.#atBytes += read
        parts.push(chunk.subarray(0, read))
      }
    } finally {
      closeSync(file)
    }
    const all = Buffer.concat(parts)
    const end = all.lastIndexOf('\n') + 1
    this.#rest = all.subarray(end)
    return all
      .subarray(0, end)
      .toString()
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line))
  }
}
