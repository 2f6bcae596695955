import type { Log } from '../../ports/log'

/** A source is warned about at most this often; a wrong key is tried again every second. */
const EVERY_MS = 10_000
const SOURCES_MAX = 100

/** Warnings that a stranger can cause at will, without letting him fill the log. */
export class QuietWarnings {
  private readonly lastAt = new Map<string, number>()

  constructor(private readonly log: Log) {}

  warn(source: string, text: string, facts: Readonly<Record<string, unknown>>): void {
    const now = performance.now()
    const last = this.lastAt.get(`${source} ${text}`)
    if (last !== undefined && now - last < EVERY_MS) return
    if (this.lastAt.size >= SOURCES_MAX) this.lastAt.clear()
    this.lastAt.set(`${source} ${text}`, now)
    this.log.warn(text, facts)
  }
}
