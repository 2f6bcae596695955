import { createHash, randomBytes } from 'node:crypto'
import type { Line } from './line/line'

/** TCP port of the guest's program that keeps records on its disk: lib/lab/guest/image/scripts.ts. */
export const RECORDS_PORT = 7000
export const RECORD_BYTES = 64 * 1024
const SLOTS = 64

/** Complete lines out of whatever pieces they arrive in. */
export function textLines(): (chunk: Buffer) => string[] {
  let rest = ''
  return (chunk) => {
    const parts = (rest + chunk.toString('latin1')).split('\n')
    rest = parts.pop() ?? ''
    return parts
  }
}

/** Files on the guest's disk, each of one line over and over, written with fsync before they are acknowledged and read past every cache. */
export class DiskRecords {
  readonly #texts = new Map<number, string>()
  #written = 0

  constructor(
    private readonly line: Pick<Line<string>, 'ask'>,
    private readonly breaks: (what: string) => void,
  ) {}

  /** Acknowledged. */
  get written(): number {
    return this.#written
  }

  /** The next record, over the oldest one once every slot has one. Rejects with LineBroken. */
  async write(): Promise<void> {
    const slot = this.#written % SLOTS
    const text = `${this.#written}-${randomBytes(16).toString('hex')}`
    const answer = await this.line.ask(`write ${slot} ${text}\n`)
    if (answer !== `written ${slot}`) this.breaks(`record ${text} was answered with ${JSON.stringify(answer)}`)
    else this.#texts.set(slot, text)
    this.#written += 1
  }

  /** Every record that was acknowledged last in its slot, while none is being written. */
  async readBack(): Promise<void> {
    // All at once: in lockstep an answer takes an epoch, however short it is.
    const asked = [...this.#texts].map(([slot, text]) => [text, this.line.ask(`read ${slot}\n`)] as const)
    const answers = await Promise.all(asked.map(([, answer]) => answer))
    for (const [index, [text]] of asked.entries()) {
      const answer = answers[index]
      if (answer !== recordSum(text))
        this.breaks(`the guest's disk does not hold record ${text} as it was acknowledged: ${JSON.stringify(answer)}`)
    }
  }
}

/** SHA-256, in hexadecimal, of what the guest makes of a text. */
export function recordSum(text: string): string {
  const line = `${text}\n`
  const bytes = Buffer.from(line.repeat(Math.ceil(RECORD_BYTES / line.length)), 'latin1').subarray(0, RECORD_BYTES)
  return createHash('sha256').update(bytes).digest('hex')
}
