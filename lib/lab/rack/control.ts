/** The rack's control socket: `POST /v1/<request>` with a JSON body over DIR/control.sock. */
import type { DiskRule } from '../disk/rules'
import type { HostProcess } from './host-processes'

export interface PlaceStatus {
  readonly name: string
  /** A process of the place, for nsenter; null while it is off. */
  readonly initPid: number | null
}

export interface HostStatus extends PlaceStatus {
  readonly uuid: string
  readonly address: string
  readonly power: 'on' | 'off'
  readonly xapiSocket: string
  readonly processes: readonly HostProcess[]
  readonly faults: {
    readonly links: readonly string[]
    readonly disk: readonly DiskRule[]
    readonly stopped: readonly (string | number)[]
    /** Addresses to which nothing that it sends arrives. */
    readonly unreached: readonly string[]
  }
}

export interface WitnessStatus extends PlaceStatus {
  readonly state: 'running' | 'stopped' | 'not built'
}

export interface LabStatus {
  readonly phase: 'starting' | 'ready'
  /** What is being done while starting. */
  readonly doing: string
  readonly hosts: readonly HostStatus[]
  /** The preferred one first. */
  readonly witnesses: readonly WitnessStatus[]
  readonly client: PlaceStatus
}

/** What is asked of the rack and what it answers. */
export interface ControlApi {
  status: { request: Record<string, never>; answer: LabStatus }
  /** The text says what was done, for people. */
  fault: { request: Record<string, unknown>; answer: { text: string } }
  undo: { request: Record<string, unknown>; answer: { text: string } }
}
export type ControlName = keyof ControlApi

export type ControlHandlers = {
  readonly [Name in ControlName]: (body: Readonly<Record<string, unknown>>) => Promise<ControlApi[Name]['answer']>
}
