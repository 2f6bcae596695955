import type { HostUuid, VmUuid } from './ids'

/** One automatic or requested act, with its reason (N6). Never waited for: a full disk under it stops nothing. */
export interface TimelineEntry {
  /** Wall clock, ISO 8601, for people; never compared. */
  readonly at: string
  readonly host: HostUuid
  readonly vm: VmUuid | null
  /** Past tense in kebab-case: `replica-left-claim`, `host-suspected`, `claim-taken`, `vm-started`. */
  readonly act: string
  /** The named rule that decided. */
  readonly rule: string
  /** One sentence for the operator. */
  readonly text: string
  readonly evidence: Readonly<Record<string, string | number | boolean | null>>
}

/** For people: the clocks of two hosts may differ, and nothing is decided by it. */
export const oldestFirst = (a: TimelineEntry, b: TimelineEntry): number => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0)
