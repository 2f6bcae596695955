import type { Ask } from '../../lib/dom0/api/daemon-client'

/** Where a command prints. */
export interface Terminal {
  /** Results only: with --json, one JSON document. */
  out(text: string): void
  /** Errors and progress. */
  err(text: string): void
  /** Whether results may be coloured. */
  readonly colours: boolean
  /** Present when progress can be drawn over itself. */
  readonly progress: NodeJS.WriteStream | null
}

/** The command has printed what it has to say, and ends with this status. */
export class EndStatus extends Error {
  override readonly name = 'EndStatus'
  constructor(readonly status: number) {
    super(`ends with status ${status}`)
  }
}

export interface CommandWorld {
  readonly ask: Ask
  readonly terminal: Terminal
}

export const systemTerminal = (): Terminal => ({
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  colours: process.stdout.isTTY && process.env['NO_COLOR'] === undefined,
  progress: process.stderr.isTTY ? process.stderr : null,
})

/** The JSON form of a result is the daemon's answer itself (lib/wire/daemon-api.ts). */
export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

type Colour = 'red' | 'green' | 'yellow' | 'bold'
const CODES: Readonly<Record<Colour, number>> = { bold: 1, red: 31, green: 32, yellow: 33 }

export const paint = (terminal: Terminal, colour: Colour, text: string): string =>
  terminal.colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text
