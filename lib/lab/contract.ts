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
  /** Builds the domain, devices plugged, vCPUs not running. */
  create(spec: DomainSpec): Promise<number>
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
