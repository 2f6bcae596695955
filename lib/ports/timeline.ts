import type { TimelineEntry } from '../core/domain/timeline'

export interface TimelinePort {
  /** `at` and `host` are added by the port. The entry is on disk when this returns. */
  record(entry: Omit<TimelineEntry, 'at' | 'host'>): void
}
