/** What the worker of a running guest tells the watchdog of its host. All times are of the machine's monotonic clock. */
export interface LeaseNote {
  /** The worker's: the VM's uuid. */
  readonly id: string
  /** Process id of the worker, and when it was started, in ticks since boot: together they name one process for ever. */
  readonly pid: number
  readonly startedTicks: number
  /** Domains whose vCPUs use the disks. */
  readonly domids: readonly string[]
  /** From then on the guest must not run, unless a later note allows it; null: nobody else may take the claim. Milliseconds. */
  readonly untilMs: number | null
  /** What is done with the guest then. */
  readonly then: 'pause' | 'destroy'
  /** How long after that moment nobody else has the claim yet: a pause that takes longer is not waited for. Milliseconds. */
  readonly pauseWithinMs: number
  /** The worker has paused the guest, or is about to. */
  readonly isPaused: boolean
  /** When this was written, which a living worker does at least once a second, renewed or not. */
  readonly toldAtMs: number
}

export const DOMIDS_MAX = 16
