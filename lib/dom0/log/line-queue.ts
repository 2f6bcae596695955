import { codeOf } from '../system/system-error'

/** More than an incident tells; beyond it the oldest go. */
const CHARACTERS_MAX = 1024 * 1024
/** A full file system is emptied by people, and a silent one by a restart: no use in haste. */
const AGAIN_AFTER_MS = 5000
/** Longer than a busy disk takes for its slowest flush. */
const SILENT_AFTER_MS = 5000

export interface LineQueueOptions {
  /** Writes whole lines; when it rejects, they are given to it once more. */
  readonly write: (lines: readonly string[]) => Promise<void>
  /** The line that stands for those that had to go. */
  readonly lost: (count: number, error: string) => string
  readonly nowMs: () => number
  readonly againAfterMs?: number
  readonly charactersMax?: number
}

/**
 * Lines on their way to a file that may be full, broken or silent: whoever adds one neither waits nor fails. The newest are kept and
 * written when it can be done again, after one that tells how many were lost.
 */
export class LineQueue {
  #lines: string[] = []
  #characters = 0
  #lost = 0
  #writing: { readonly sinceMs: number } | null = null
  #error = ''
  #again: NodeJS.Timeout | null = null
  #rested: (() => void)[] = []

  constructor(private readonly options: LineQueueOptions) {}

  add(line: string): void {
    this.#lines.push(line)
    this.#characters += line.length
    this.#drop()
    if (this.#writing === null && this.#again === null) void this.#write()
  }

  /** Why lines wait; empty while they are written as they come. */
  get trouble(): string {
    if (this.#error !== '') return this.#error
    return this.#writing !== null && this.options.nowMs() - this.#writing.sinceMs > SILENT_AFTER_MS ? 'ETIMEDOUT' : ''
  }

  /** Resolves when nothing waits, when what waits cannot be written now, or after the limit. */
  async rest(limitMs: number): Promise<void> {
    if (this.#writing === null) return
    let limit: NodeJS.Timeout | undefined
    await Promise.race([
      new Promise<void>((resolve) => this.#rested.push(resolve)),
      new Promise<void>((resolve) => (limit = setTimeout(resolve, limitMs))),
    ])
    clearTimeout(limit)
  }

  /** For the end of the process: what waits, and is in nobody's hands. */
  take(): readonly string[] {
    const told = this.#lost === 0 ? [] : [this.options.lost(this.#lost, this.trouble)]
    const lines = [...told, ...this.#lines]
    this.#lines = []
    this.#characters = this.#lost = 0
    return lines
  }

  async #write(): Promise<void> {
    while (this.#lines.length > 0 || this.#lost > 0) {
      const lost = this.#lost
      const lines = this.#lines
      const told = lost === 0 ? [] : [this.options.lost(lost, this.trouble)]
      this.#lines = []
      this.#characters = this.#lost = 0
      this.#writing = { sinceMs: this.options.nowMs() }
      try {
        await this.options.write([...told, ...lines])
        this.#error = ''
        this.#writing = null
      } catch (error) {
        this.#writing = null
        if (codeOf(error) === '') throw error
        this.#error = codeOf(error)
        this.#keep(lines, lost)
        this.#later()
        break
      }
    }
    for (const rested of this.#rested.splice(0)) rested()
  }

  #keep(lines: readonly string[], lost: number): void {
    this.#lines = [...lines, ...this.#lines]
    this.#characters = this.#lines.reduce((sum, line) => sum + line.length, 0)
    this.#lost += lost
    this.#drop()
  }

  #drop(): void {
    const most = this.options.charactersMax ?? CHARACTERS_MAX
    let gone = 0
    for (; this.#characters > most && gone < this.#lines.length; gone++) this.#characters -= this.#lines[gone]?.length ?? 0
    if (gone === 0) return
    this.#lines.splice(0, gone)
    this.#lost += gone
  }

  #later(): void {
    this.#again = setTimeout(() => {
      this.#again = null
      void this.#write()
    }, this.options.againAfterMs ?? AGAIN_AFTER_MS)
    this.#again.unref()
  }
}
