import type { HostUuid, VmUuid } from '../domain/ids'
import type { PowerState } from '../domain/inventory'
import type { TimelineEntry } from '../domain/timeline'

export type Evidence = TimelineEntry['evidence']

/** Calls to XAPI for one VM. Each is answered once: `xapi-answered`, `xapi-failed` or `xapi-silent` (at the caller's deadline). */
export type XapiStep = 'look' | 'reset-power-state' | 'start-on' | 'set-affinity'

/** XAPI's fresh record of a VM, not the view's; null when it has none. */
export type Seen = {
  readonly powerState: PowerState
  readonly residentOn: HostUuid | null
  readonly operations: readonly string[]
} | null

export type RestartEffect =
  /** Ask the VM's worker for its claim; answered by `claim-taken` or `claim-refused`. */
  | { readonly effect: 'take-over'; readonly vm: VmUuid; readonly reason: string }
  | { readonly effect: 'look'; readonly vm: VmUuid }
  | { readonly effect: 'reset-power-state'; readonly vm: VmUuid }
  | { readonly effect: 'start-on'; readonly vm: VmUuid; readonly host: HostUuid }
  | { readonly effect: 'set-affinity'; readonly vm: VmUuid; readonly host: HostUuid }
  | ToldEffect

export type PromotionEffect =
  /** Who answers as coordinator, and does it answer at all: `coordinator-is` or `coordinator-silent`. */
  | { readonly effect: 'ask-coordinator' }
  /** Take the claim that only one host of the pool can have: `election-won` or `election-lost`. */
  | { readonly effect: 'elect-coordinator'; readonly instead: HostUuid }
  /** pool.emergency_transition_to_master over the local session: `promote-answered`, `-failed` or `-silent`. */
  | { readonly effect: 'promote-coordinator' }
  /** pool.recover_slaves, beside everything else: it may block ten seconds for the dead host. Not answered. */
  | { readonly effect: 'recover-slaves' }
  | ToldEffect

export type ToldEffect =
  | { readonly effect: 'record'; readonly entry: Omit<TimelineEntry, 'at' | 'host'> }
  /** A message in XAPI. Priorities: 2 service is being lost, 3 degraded, 4 recovered. */
  | {
      readonly effect: 'alert'
      readonly name: string
      readonly priority: 2 | 3 | 4
      readonly vm: VmUuid | null
      readonly text: string
    }

export type FailoverEffect = RestartEffect | PromotionEffect
