/**
 * How regularly a peer's heartbeats arrive, on whatever link, and how soon a silence of it therefore means something: two and a half times the
 * longest wait of the last minute, but neither less than a third of what the operator allows nor more than that. Where nothing is ever late
 * a dead host is missed at the first chance; a busy or lossy pair is given its time.
 */
const LATE_BY = 2.5
const LEAST = 1 / 3
/** The last minute is two of these: the one that runs, and the whole one before. */
const SPAN_MS = 30_000

export class Regularity {
  private heardAtMs: number | null = null
  private spanEndsMs: number | null = null
  private longestMs = 0
  private formerLongestMs = 0

  constructor(private readonly suspectAfterMs: number) {}

  /** This process did not listen for so long. */
  forgive(gapMs: number): void {
    if (this.heardAtMs !== null) this.heardAtMs += gapMs
  }

  heard(nowMs: number): void {
    this.pass(nowMs)
    const waitedMs = nowMs - (this.heardAtMs ?? nowMs)
    this.heardAtMs = nowMs
    // A longer one was an outage, and tells nothing of how late an ordinary heartbeat comes.
    if (waitedMs <= this.suspectAfterMs) this.longestMs = Math.max(this.longestMs, waitedMs)
  }

  /** A longer silence on every link is a suspicion. */
  patienceMs(nowMs: number): number {
    this.pass(nowMs)
    const wantedMs = LATE_BY * Math.max(this.longestMs, this.formerLongestMs)
    return Math.min(this.suspectAfterMs, Math.max(LEAST * this.suspectAfterMs, wantedMs))
  }

  private pass(nowMs: number): void {
    this.spanEndsMs ??= nowMs + SPAN_MS
    if (nowMs < this.spanEndsMs) return
    this.formerLongestMs = nowMs < this.spanEndsMs + SPAN_MS ? this.longestMs : 0
    this.longestMs = 0
    this.spanEndsMs = nowMs + SPAN_MS
  }
}
