import type { Capturable } from './capture'
import type { GuestOutput, GuestOutputEvents } from './guest-output'
import type { PrepareStandby } from './standby-machine'

/** What lockstep needs of a host. */
export interface CheckpointPort {
  /** See OpenCapture; of this domain. */
  readonly openCapture: (domid: string) => Promise<Capturable | null>
  /** See HoldOutput; null: the domain does not run, nor stand. */
  readonly holdOutput: (domid: string, events: GuestOutputEvents) => Promise<GuestOutput | null>
  readonly prepare: PrepareStandby
  /** A machine that has stood by and may run: it is made the domain of its VM if it does. False: it does not, and is ended. */
  readonly adopt: (domid: string) => Promise<boolean>
  /** Random, from 1 to RUN_LIMIT - 1. */
  readonly newRun: () => number
}
