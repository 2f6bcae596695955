/** How far a run is, on standard error: a line that rewrites itself on a terminal, a line now and then elsewhere. */
import { lengthOf, speedOf } from './pace'
import type { Recording } from './recording'

export interface ProgressOutput {
  readonly isTerminal: boolean
  readonly write: (text: string) => void
}

const TERMINAL_MS = 250
const ELSEWHERE_MS = 10_000
/** Making and furnishing a pool, roughly. */
const SCENE_S = 1

export class Progress {
  private readonly parts: readonly { recording: Recording; seconds: number }[]
  private index = -1
  private began = 0
  private toldAt = 0
  private step = 0

  constructor(
    conversations: readonly (readonly Recording[])[],
    private readonly output: ProgressOutput,
  ) {
    this.parts = conversations.flatMap((parts) =>
      parts.map((recording) => ({ recording, seconds: SCENE_S + lengthOf(recording) / speedOf(parts) })),
    )
  }

  nextFile(): void {
    this.index++
    this.step = 0
    this.began = Date.now()
    this.toldAt = 0
    this.tell()
  }

  nextStep(): void {
    this.step++
    this.tell()
  }

  /** Before a line of the report: on a terminal both share the screen. */
  clear(): void {
    if (this.output.isTerminal) this.output.write('\r\u001b[K')
  }

  private tell(): void {
    const now = Date.now()
    if (now - this.toldAt < (this.output.isTerminal ? TERMINAL_MS : ELSEWHERE_MS)) return
    this.toldAt = now
    const part = this.parts[this.index]
    if (part === undefined) return
    const later = this.parts.slice(this.index + 1).reduce((sum, { seconds }) => sum + seconds, 0)
    const left = Math.ceil(later + Math.max(0, part.seconds - (now - this.began) / 1000))
    const of = `file ${this.index + 1} of ${this.parts.length} (${part.recording.name})`
    const line = `${of}: step ${this.step} of ${part.recording.steps.length}, about ${left} s left`
    this.output.write(this.output.isTerminal ? `\r${line}\u001b[K` : `${line}\n`)
  }
}
