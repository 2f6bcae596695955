import { createHash } from 'node:crypto'

/** What the client writes under number `n`: the same text each time it is asked, so that reading back can compare bytes. */
export function recordText(n: number, bytes: number): string {
  const word = createHash('sha256').update(String(n)).digest('hex')
  return `${n}:${word.repeat(Math.ceil(bytes / word.length))}`.slice(0, Math.max(bytes, String(n).length + 9))
}

export const recordKey = (n: number): string => `rec:${n}`

/** Milliseconds of the machine's monotonic clock, the same for every process on it. */
export const monotonicMs = (): number => Number(process.hrtime.bigint() / 1000n) / 1000
