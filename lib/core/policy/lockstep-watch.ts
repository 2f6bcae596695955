/** When people are told that a VM which is to be in lockstep is not, or is again. One per VM, while its guest runs on this host. */
export interface LockstepAlert {
  readonly name: 'HOLDFAST_LOCKSTEP_LOST' | 'HOLDFAST_LOCKSTEP_BACK'
  readonly priority: 3 | 4
  readonly text: string
}

/** A secondary's worker that starts again is back sooner. */
const LOST_AFTER_MS = 5000
/** The first copy of a few gigabytes over a link of one gigabit, and a mirror that may have to catch up before. */
const NEVER_REACHED_AFTER_MS = 120_000
/** What comes and goes is told once in this time. */
const QUIET_MS = 600_000

export class LockstepWatch {
  private wasKept = false
  private notKeptSinceMs: number | null = null
  private told = false
  private quietUntilMs = 0

  constructor(private readonly name: string) {}

  seen({ isKept, why }: { readonly isKept: boolean; readonly why: string }, atMs: number): LockstepAlert | null {
    return isKept ? this.kept() : this.notKept(why, atMs)
  }

  private kept(): LockstepAlert | null {
    const { told } = this
    this.wasKept = true
    this.notKeptSinceMs = null
    this.told = false
    if (!told) return null
    return { name: 'HOLDFAST_LOCKSTEP_BACK', priority: 4, text: `${this.name} is in lockstep again` }
  }

  private notKept(why: string, atMs: number): LockstepAlert | null {
    this.notKeptSinceMs ??= atMs
    const patienceMs = this.wasKept ? LOST_AFTER_MS : NEVER_REACHED_AFTER_MS
    if (this.told || atMs - this.notKeptSinceMs < patienceMs || atMs < this.quietUntilMs) return null
    this.told = true
    this.quietUntilMs = atMs + QUIET_MS
    const reason = why === '' ? 'the reason is not known yet' : why
    const text = `${this.name} is not in lockstep: ${reason}; if its host is lost now, it is restarted from its disks`
    return { name: 'HOLDFAST_LOCKSTEP_LOST', priority: 3, text }
  }
}
