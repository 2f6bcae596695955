import type { VmUuid } from '../../core/domain/ids'
import type { TimelineEntry } from '../../core/domain/timeline'
import type { MirrorEffect, Side } from '../../core/mirror/events'
import type { TimelinePort } from '../../ports/timeline'
import type { WorkerVolume } from '../../wire/worker-api'
import type { Disk } from './disk/disk'
import { historiesText, noteText, onlyReplicaText } from './note-text'

interface NotesNeeds {
  readonly timeline: TimelinePort
  readonly vm: () => VmUuid | null
  /** Null without a claim. */
  readonly term: () => number | null
  readonly hostOf: (side: Side) => string
  readonly disks: () => readonly Disk[]
}

/** What happens to a primary, for the timeline. */
export class PrimaryNotes {
  constructor(private readonly needs: NotesNeeds) {}

  note({ key }: WorkerVolume, { act, rule, side, error }: Omit<Extract<MirrorEffect, { do: 'note' }>, 'do'>): void {
    const { hostOf, disks, term } = this.needs
    const disk = act === 'replica-refused' ? disks().find(({ volume }) => volume.key === key) : undefined
    const histories = disk === undefined ? {} : historiesText(disk.replicas)
    const text = term() === null && act === 'replica-failed' ? onlyReplicaText(error) : noteText(act, rule, side, error)
    this.record(act, rule, { text, volume: key, host: hostOf(side), error, ...histories })
  }

  record(act: string, rule: string, { text, ...evidence }: { readonly text: string } & TimelineEntry['evidence']): void {
    const { timeline, vm, term } = this.needs
    timeline.record({ vm: vm(), act, rule, text, evidence: { term: term() ?? 0, ...evidence } })
  }
}
