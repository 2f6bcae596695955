import type { Facts, RefusalCode } from './errors'
import type { HostUuid, SrUuid, VmUuid, VolumeKey } from './ids'
import type { Level } from './level'

/** A refusal as a value: what `new Refusal(code, facts)` is made of. */
export interface RefusalValue {
  readonly code: RefusalCode
  readonly facts: Facts
}

/** One step of a plan. `reason` is a sentence for the operator (N6). */
export type PlannedStep = { readonly reason: string } & (
  | {
      readonly step: 'move-disk'
      readonly userdevice: string
      readonly vdi: string
      readonly toSr: SrUuid
      readonly sizeBytes: number
    }
  | { readonly step: 'make-claim'; readonly holder: HostUuid }
  | { readonly step: 'prepare-secondary'; readonly host: HostUuid }
  /** Disks that a `move-disk` of the same plan brings in have no key yet and are not among `volumes`. */
  | { readonly step: 'mirror-volumes'; readonly to: HostUuid; readonly volumes: readonly VolumeKey[] }
  | { readonly step: 'prepare-standby'; readonly host: HostUuid; readonly memoryBytes: number }
  | { readonly step: 'end-standby'; readonly host: HostUuid }
  | { readonly step: 'set-affinity'; readonly host: HostUuid | null }
  | { readonly step: 'record-level'; readonly level: Level; readonly secondary: HostUuid | null }
  | { readonly step: 'drop-replicas'; readonly host: HostUuid; readonly volumes: readonly VolumeKey[] }
  | { readonly step: 'remove-claim' }
)

/** What turning the dial of one VM takes, in order. */
export interface ProtectionPlan {
  readonly vm: VmUuid
  readonly name: string
  readonly from: Level
  readonly to: Level
  readonly primary: HostUuid | null
  readonly secondary: HostUuid | null
  /** Why nothing can be done before the VM is halted; null when the plan may be carried out at once. */
  readonly needsHalt: RefusalValue | null
  /** Empty when everything already is as wished. */
  readonly steps: readonly PlannedStep[]
}

/** What the loss of one host leads to, in order. */
export interface HostLossPlan {
  readonly lost: HostUuid
  readonly steps: readonly HostLossStep[]
}

export type HostLossStep = { readonly reason: string } & (
  | { readonly step: 'promote-coordinator'; readonly candidates: readonly HostUuid[] }
  | {
      readonly step: 'restart-vm'
      readonly vm: VmUuid
      readonly on: HostUuid
      /** The same number starts at the same time; higher ones after. */
      readonly rank: number
      /** To wait after this VM runs, before the next rank. */
      readonly delaySeconds: number
      /** Memory that the host lacks once the steps before this one are done; 0 when it fits. */
      readonly shortOfBytes: number
    }
  /** In lockstep: it goes on from its memory, and is not started. */
  | { readonly step: 'go-on'; readonly vm: VmUuid; readonly on: HostUuid }
  | { readonly step: 'rehome-vm'; readonly vm: VmUuid; readonly on: HostUuid }
  | { readonly step: 'vm-stays-down'; readonly vm: VmUuid }
  | { readonly step: 'vm-loses-secondary'; readonly vm: VmUuid }
)
