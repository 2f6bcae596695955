import type { Log } from '../../lib/ports/log'

/** Keeps what was logged at warn and above. */
export class QuietLog implements Log {
  readonly lines: string[] = []
  debug(): void {
    // Not looked at by any test.
  }
  info(): void {
    // Not looked at by any test.
  }
  warn(text: string, facts?: Readonly<Record<string, unknown>>): void {
    this.lines.push(`${text} ${JSON.stringify(facts ?? {})}`)
  }
  error(text: string, facts?: Readonly<Record<string, unknown>>): void {
    this.warn(text, facts)
  }
}
