import type { Disk } from '../../world/disk'
import type { Moment } from './moments'
import type { HostName } from './names'
import type { Notes } from './notes'

export interface CellRange {
  readonly first: number
  readonly count: number
}

/** What a judge sees of a world: one disk of a VM, the pair of hosts that keep it, and the guest. */
export interface JudgedWorld {
  readonly plan: { readonly cells: number; readonly sizeBytes: number }
  readonly schedule: { readonly now: number }
  readonly hosts: Readonly<Record<HostName, JudgedHost>>
  readonly judge: { readonly listed: readonly HostName[] }
  readonly guestLives: boolean
  /** Payloads that the guest made. */
  readonly guestBuffers: WeakSet<Buffer>
  /** What guests that are gone had asked for: whoever serves may still be at it. */
  readonly leftUnanswered: readonly { readonly by: { readonly isServing: boolean }; readonly ranges: readonly CellRange[] }[]
  /** Something has come to a point at which a fault would hurt. */
  onMoment(moment: Moment, host: HostName): void
  probe(name: string): void
  say(text: () => string): void
}

export interface JudgedHost {
  readonly store: { readonly disk: Pick<Disk, 'cache'>; readonly notes: Notes }
  readonly guest: { readonly underWay: readonly CellRange[] } | null
}
