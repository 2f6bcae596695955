import type { GuestFrame } from '../core/domain/guest-frame'
import type { StateWay } from './capture'
import type { ChangedPart } from './changed-memory'

/** What a standby has to be like. */
export interface StandbySpec {
  readonly vm: string
  readonly run: number
  readonly memoryBytes: number
  readonly way: StateWay
}

/** Frames of the last moments before a guest goes on elsewhere, each in its order. */
export interface RecentFrames {
  /** By the guest as it goes on; somebody may have got them. */
  readonly sent: readonly GuestFrame[]
  /** Since its state was taken. */
  readonly came: readonly GuestFrame[]
}

/**
 * A machine on this host that has never run, like the one it stands by for: its memory is filled while it waits. Rejects with an error that
 * says why; then it is of no use any more.
 */
export interface StandbyMachine {
  /** Of the domain that it becomes. */
  readonly domid: string
  /** Into its memory; one at a time. The parts are the caller's again when it resolves. */
  fill(parts: readonly ChangedPart[]): Promise<void>
  /**
   * The state of devices and processors that belongs to its memory; it stands afterwards. Once. When it goes on, what it sent is sent
   * again and what came comes again, as far as that is possible.
   */
  load(state: Buffer, recent: RecentFrames): Promise<void>
  /**
   * After `load`: it goes on, as the domain of the VM on this host, which tells its networks where it is; XAPI is told, too, as soon as it
   * listens. `goes` is called once, when the guest does; the rest takes longer.
   */
  run(goes: () => void): Promise<void>
  /** It is ended, unless it runs. */
  end(): Promise<void>
}

/** Rejects with an error that says why not: no room, no such VM known here, this host cannot. */
export type PrepareStandby = (spec: StandbySpec) => Promise<StandbyMachine>
