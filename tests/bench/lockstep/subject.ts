import type { ChildProcess } from 'node:child_process'

/** Of the epochs of late, in ms and bytes; null: there were none. */
export interface EpochsSeen {
  readonly pauseMedianMs: number | null
  readonly pauseP99Ms: number | null
  readonly bytesPerEpoch: number | null
  readonly outputDelayMedianMs: number | null
  readonly outputDelayP99Ms: number | null
}

/** What the loss of the primary's host took, in ms. Null: it cannot be told apart. */
export interface Resumed {
  /** From the loss to the moment at which the survivor begins to take over. */
  readonly detectionMs: number | null
  /** From there until the guest runs again. */
  readonly resumeMs: number | null
}

/** A guest with a redis in a lab, whose level can be dialled while it runs. */
export interface LockstepSubject {
  /** One line, for whoever reads the figures. */
  readonly description: string
  /** Of the guest, as the place `client` reaches it. */
  readonly address: string
  /** The guest keeps records on a disk of its own. */
  readonly hasDisk: boolean
  /** `epochMs` null: unprotected. Resolves when it is so. */
  dial(epochMs: number | null): Promise<void>
  /** Of the last hundred at most. */
  epochs(): Promise<EpochsSeen>
  /** A program of Node where clients are. */
  inClient(script: string, args: readonly string[]): Promise<ChildProcess>
  /** The primary's host is lost; resolves when the guest goes on. In lockstep, and once. */
  loseHost(): Promise<Resumed>
  end(): Promise<void>
}
