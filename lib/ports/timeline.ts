import type { TimelineEntry } from '../core/domain/timeline'

export interface TimelinePort {
  /** `at` and `host` are added by the port. Neither waits nor throws: what cannot be written is kept, or counted, and told later. */
  record(entry: Omit<TimelineEntry, 'at' | 'host'>): void
}
