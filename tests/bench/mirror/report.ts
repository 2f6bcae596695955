import type { Machine } from '../machine'
import type { Measured, MemoryUse, Times } from './measure'
import type { Setting, SubjectKind } from './subject'

/** What --json writes: all that was measured, nothing derived. */
export interface Report {
  readonly format: 1
  /** When the run began, ISO 8601. */
  readonly at: string
  readonly version: string
  readonly machine: Machine
  readonly options: ReportOptions
  readonly subjects: readonly SubjectNote[]
  readonly blocks: readonly Block[]
}

export interface ReportOptions extends Times {
  readonly sizeBytes: number
  readonly rounds: number
  readonly seed: number
}

export type SubjectNote = Pick<SubjectKind, 'name' | 'text' | 'part'>

/** Everything that was measured in one setting. */
export interface Block extends Setting {
  readonly fileSystem: string
  /** Subjects that could not be measured here, and why. */
  readonly unable: Readonly<Record<string, string>>
  readonly rows: readonly MeasuredRow[]
  readonly memory: Readonly<Record<string, MemoryUse>>
}

export interface MeasuredRow {
  readonly row: string
  /** Subject -> one measurement per round. */
  readonly rounds: Readonly<Record<string, readonly Measured[]>>
}
