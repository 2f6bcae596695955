import type { Log } from '../../ports/log'

/** Warns about what strangers can cause as often as they like: at most once per `everyMs`, with how many times it happened. */
export class RareWarning {
  private lastAtMs = -Infinity
  private unsaid = 0

  constructor(
    private readonly log: Log,
    private readonly text: string,
    private readonly everyMs = 10_000,
  ) {}

  happened(facts: Readonly<Record<string, unknown>>): void {
    this.unsaid += 1
    const nowMs = performance.now()
    if (nowMs - this.lastAtMs < this.everyMs) return
    this.log.warn(this.text, { ...facts, times: this.unsaid })
    this.lastAtMs = nowMs
    this.unsaid = 0
  }
}
