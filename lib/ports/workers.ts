import type { WorkerApi, WorkerSpec } from '../wire/worker-api'

/** The worker processes of this host. They outlive the daemon. */
export interface WorkerPort {
  /** Folders with a spec, running or not. */
  list(): readonly WorkerSpec[]
  /** Writes the spec and starts the process; a running one is left alone. */
  start(spec: WorkerSpec): Promise<void>
  running(id: string): Promise<boolean>
  /** Rejects with Refusal, or with the system's error when the worker does not answer. */
  ask<F extends keyof WorkerApi>(id: string, fn: F, ask: WorkerApi[F]['ask'], limitMs: number): Promise<WorkerApi[F]['answer']>
  /** Ends the process and forgets the spec. */
  remove(id: string): Promise<void>
  /** Called when a process that this daemon started has ended. */
  onExit(listener: (id: string) => void): void
}
