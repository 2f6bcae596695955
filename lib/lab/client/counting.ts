import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { LineBroken } from './line/line'
import { Counter, type CounterOptions, type CounterVerdict } from './counter'

/** A line of JSON on the client's standard output. */
export interface CountingLine {
  /** After `end`, and after `broken` (a connection is over), there is no other one. */
  readonly said: 'progress' | 'verified' | 'end' | 'broken'
  readonly verdict: CounterVerdict
}

const PROGRESS_MS = 1000

/** Counts until the input says `end` or is over; `verify` reads everything back and goes on. @returns whether every promise was kept */
export async function countUntilTold(options: CounterOptions, input: Readable, output: Writable): Promise<boolean> {
  const counter = await Counter.open(options)
  const say = (said: CountingLine['said']): void => void output.write(`${JSON.stringify({ said, verdict: counter.verdict })}\n`)
  const progress = setInterval(() => say('progress'), PROGRESS_MS)
  const broken = counter.broken.then(() => 'broken' as const)
  const talked = talk(counter, input, () => say('verified')).then(
    () => 'end' as const,
    (error: unknown) => {
      // Whatever was being waited for; the connection tells by itself.
      if (error instanceof LineBroken) return broken
      throw error
    },
  )
  try {
    say(await Promise.race([talked, broken]))
  } finally {
    clearInterval(progress)
    counter.close()
  }
  return counter.verdict.broken.length === 0
}

async function talk(counter: Counter, input: Readable, verified: () => void): Promise<void> {
  for await (const line of createInterface({ input })) {
    if (line === 'end') break
    if (line !== 'verify') continue
    await counter.verify()
    verified()
  }
  await counter.end()
}
