/**
 * Where the parts of the lab meet. The pool's database and API (xapi/), the machine below (guest/: real QEMU processes), the
 * storage (storage/) and the wires (net/) know one another only through this file.
 */

export type Ref = string
export const NULL_REF: Ref = 'OpaqueRef:NULL'
/** A value of the API in its JSON form; ints are numbers, dates are `YYYYMMDDTHH:MM:SSZ` strings, sets are arrays. */
export type Value = string | number | boolean | Value[] | { [key: string]: Value }

/** What an API call fails with: `ErrorDescription` is [code, ...params]. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly params: readonly string[]
  constructor(
    readonly code: string,
    ...params: string[]
  ) {
    super([code, ...params].join(' '))
    this.params = params
  }
}

/** A running or paused machine on one host. */
export interface DomainSpec {
  readonly vmUuid: string
  readonly name: string
  readonly memoryBytes: number
  readonly vcpus: number
  /** Paths as seen on the host. */
  readonly kernel: string
  readonly ramdisk: string
  readonly args: string
  readonly disks: readonly DomainDisk[]
  readonly nics: readonly DomainNic[]
}

export interface DomainDisk {
  /** VBD.userdevice: "0" becomes the guest's first disk. */
  readonly userdevice: string
  readonly source:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'nbd'; readonly socket: string; readonly exportName: string }
    /** Of a machine that stands by: nothing serves it yet. */
    | { readonly kind: 'awaited'; readonly bytes: number }
  readonly readOnly: boolean
}

export interface DomainNic {
  readonly device: string
  readonly mac: string
  /** Bridge on the host, e.g. xenbr1. */
  readonly bridge: string
}

export type DomainEnd = 'shutdown' | 'reboot' | 'crash'

/** xenopsd's and Xen's part on one host: lib/lab/guest implements it with QEMU. All ids are domids. */
export interface DomainManager {
  /** A domid never given before. Storage is attached in its name (SMAPIv3 Datapath.attach) before the domain exists. */
  reserve(): Promise<number>
  /** Builds the domain under a reserved domid (a fresh one if left out), devices plugged, vCPUs not running; answers the domid. */
  create(spec: DomainSpec, domid?: number): Promise<number>
  unpause(domid: number): Promise<void>
  pause(domid: number): Promise<void>
  /** Asks the guest to power off; resolves when it has, rejects after timeoutMs. */
  shutdown(domid: number, timeoutMs: number): Promise<void>
  destroy(domid: number): Promise<void>
  plugDisk(domid: number, disk: DomainDisk): Promise<void>
  unplugDisk(domid: number, userdevice: string): Promise<void>
  plugNic(domid: number, nic: DomainNic): Promise<void>
  unplugNic(domid: number, device: string): Promise<void>
  list(): Promise<readonly DomainState[]>
  /** The guest ended by itself. Not raised for destroy() and shutdown(). */
  onEnd(listener: (domid: number, vmUuid: string, end: DomainEnd) => void): void
}

export interface DomainState {
  readonly domid: number
  readonly vmUuid: string
  readonly paused: boolean
}

/** A domain as it was built, for another one that is to be just like it: the ids of its devices by slot. */
export interface DomainLikeness {
  readonly spec: DomainSpec
  readonly slots: readonly (string | null)[]
}

/** How a standby is to be given its state (see docs/reference/lockstep-host.md). */
export interface StandbyWish {
  readonly run: number
  readonly way: 'devices' | 'migration'
}

export interface StandbyState extends StandbyWish {
  readonly domid: number
  readonly vmUuid: string
  /** `waiting`: it has never run and is no domain of the toolstack. `arrived`: it is, and the coordinator is to be told. */
  readonly state: 'waiting' | 'arrived'
}

export interface Standby extends StandbyState {
  readonly monitor: string
  readonly memoryFile: string
}

/** Machines that stand by for one of another host. While they wait, `DomainManager.list` does not know them. */
export interface StandbyManager {
  likenessOf(domid: number): Promise<DomainLikeness>
  prepare(likeness: DomainLikeness, wish: StandbyWish): Promise<Standby>
  /** From now on it is a domain like others; one that is already stays so. */
  arrive(domid: number): Promise<void>
  /** The coordinator was told. */
  settle(domid: number): Promise<void>
  /** A domain that waits no more is refused. Answers the VM that it stood by for; null: there is none, or no record of it. */
  end(domid: number): Promise<string | null>
  list(): Promise<readonly StandbyState[]>
}

/** The pool as the rack wired it; the same file on every host (/etc/xensource/lab-pool.json). */
export interface PoolDescription {
  readonly poolUuid: string
  readonly poolName: string
  readonly rootPassword: string
  /** The first is the coordinator of a new pool; afterwards /etc/xensource/pool.conf tells. */
  readonly hosts: readonly HostDescription[]
  readonly times: LabTimes
}

export interface HostDescription {
  readonly uuid: string
  readonly name: string
  /** Management address: where xapi listens (port 80). */
  readonly address: string
  readonly memoryBytes: number
  readonly nics: readonly NicDescription[]
}

export interface NicDescription {
  /** eth0 management, eth1 and eth2 A-links, eth3 production. */
  readonly device: string
  readonly mac: string
  /** Empty for production. */
  readonly address: string
  readonly netmask: string
  readonly network: 'management' | 'alink0' | 'alink1' | 'production'
  /** The host's bridge on it: xenbr0 ... xenbr3. */
  readonly bridge: string
}

/** How long the real xapi takes where it surprises (all in ms); a setting may shorten them, never drop them. */
export interface LabTimes {
  /** A call forwarded to a dead host blocks this long, then CANNOT_CONTACT_HOST (real: 130 000). */
  readonly deadHostCallMs: number
  /** Asking a dead host whether it lives, in power_state_reset and declare_dead (real: 2 000). */
  readonly deadHostProbeMs: number
  /** After emergency_transition_to_master the member still answers HOST_IS_SLAVE this long (real: 10 000), */
  readonly promotionFuseMs: number
  /** then is down this long (real: 1 500). */
  readonly promotionRestartMs: number
  /** recover_slaves with an unreachable host (real: 10 200). */
  readonly recoverSlavesMs: number
  /** Members get a copy of the database this often (real: 300 000); pool.sync_database does it at once. */
  readonly databaseBackupMs: number
}

/** The pool's database on the coordinator. Every committed change raises an event and is saved. */
export interface Database {
  classes(): readonly string[]
  exists(cls: string, ref: Ref): boolean
  refs(cls: string): readonly Ref[]
  get(cls: string, ref: Ref, field: string): Value
  record(cls: string, ref: Ref): { [field: string]: Value }
  /** Missing fields get the schema's default; `uuid` is made up if absent. Back references (VM.VBDs, SR.PBDs ...) are computed. */
  create(cls: string, fields: { [field: string]: Value }, ref?: Ref): Ref
  set(cls: string, ref: Ref, field: string, value: Value): void
  destroy(cls: string, ref: Ref): void
  byUuid(cls: string, uuid: string): Ref | undefined
}

/** What a method of the API is given. Methods run on the coordinator; what must happen on a host goes through its agent. */
export interface CallContext {
  readonly db: Database
  readonly session: Ref
  /** The call's task, a synchronous one's too; NULL_REF or '' where nobody called. */
  readonly task: Ref
  /** The host whose xapi runs the method. */
  readonly here: Ref
  readonly times: LabTimes
  agentOf(host: Ref): HostAgent
  setProgress(fraction: number): void
}

export interface ApiMethod {
  /** Parameters after the session, as (name, type) in schema notation: `['vm', 'VM ref']`, `['force', 'bool']`. */
  readonly params: readonly (readonly [name: string, type: string])[]
  readonly run: (call: CallContext, args: readonly Value[]) => Promise<Value>
}
/** Keyed by `class.method`. */
export type MethodTable = Readonly<Record<string, ApiMethod>>

/**
 * Acts on one host. Local for the host itself; for another one the call travels to that host's xapi, and for a dead one it
 * blocks for times.deadHostCallMs and fails with CANNOT_CONTACT_HOST.
 */
export interface HostAgent {
  perform(operation: string, args: { [key: string]: Value }): Promise<Value>
}
/** What a host can perform; the lab's parts add their own: `domain.create`, `smapi.call`, `hook.run`, `plugin.call`. */
export type HostOperations = Readonly<Record<string, (args: { [key: string]: Value }) => Promise<Value>>>
