import type { HostUuid, VmUuid } from '../domain/ids'
import type { Seen, XapiStep } from './effects'

export interface RestartFacts {
  readonly vm: VmUuid
  readonly name: string
  readonly lost: HostUuid
  readonly here: HostUuid
  readonly wasRunning: boolean
}

export type RestartEvent =
  /** `rule`: why it could be. `goesOn`: the guest goes on here from its memory, and there is nothing to start. */
  | { readonly type: 'claim-taken'; readonly term: number; readonly rule?: string; readonly goesOn?: boolean }
  /** `mayHold`: nobody knows whether it was taken all the same; it is asked for again until somebody does. */
  | { readonly type: 'claim-refused'; readonly why: string; readonly leaseLeftMs: number; readonly mayHold?: boolean }
  /** The claim has another holder now. */
  | { readonly type: 'claim-lost'; readonly holder: HostUuid }
  | { readonly type: 'host-back' }
  /** The coordinator can be asked, and VMs of a lower order are up. */
  | { readonly type: 'turn' }
  /** `servedHere`: a guest on this host uses its disks; null: not known. */
  | { readonly type: 'looked'; readonly seen: Seen; readonly servedHere: boolean | null }
  | { readonly type: 'xapi-answered'; readonly step: XapiStep }
  | { readonly type: 'xapi-failed'; readonly step: XapiStep; readonly code: string }
  | { readonly type: 'xapi-silent'; readonly step: XapiStep }
  | { readonly type: 'tick' }
