import type { Readable } from 'node:stream'
import { Refusal } from '../../../lib/core/domain/errors'

/** An invitation is far shorter. */
const INPUT_BYTES_MAX = 4096

/** Stands for a line of standard input, where other users of the machine do not see it as they see arguments. */
export const FROM_INPUT = '-'

/**
 * What the options say, those that are `-` replaced by one line of `input` each, in order. Reads no more than it needs. Throws Refusal
 * HOLDFAST_SETUP_LACKS where a line is missing.
 */
export async function filledIn(given: readonly (string | undefined)[], input: Readable): Promise<(string | undefined)[]> {
  const wanted = given.filter((each) => each === FROM_INPUT).length
  const lines = wanted === 0 ? [] : await linesOf(input, wanted)
  return given.map((each) => (each === FROM_INPUT ? lines.shift() : each))
}

async function linesOf(input: Readable, wanted: number): Promise<string[]> {
  const linesIn = (text: string): string[] => text.split('\n').flatMap((line) => line.trim() || [])
  let text = ''
  for await (const piece of input.setEncoding('utf8')) {
    text += String(piece)
    if (linesIn(text.slice(0, text.lastIndexOf('\n') + 1)).length >= wanted || text.length > INPUT_BYTES_MAX) break
  }
  const lines = linesIn(text)
  if (lines.length >= wanted) return lines.slice(0, wanted)
  throw new Refusal('HOLDFAST_SETUP_LACKS', {
    reason: `a line of standard input for each ${FROM_INPUT}: ${wanted} wanted, ${lines.length} came`,
    todo: 'Give what each witness printed, HOST:PORT/SECRET, one a line; that of --witness first.',
  })
}
