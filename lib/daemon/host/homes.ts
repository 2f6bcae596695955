import type { HostUuid } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'

/** Hosts that keep a replica of any of these disks, each once, the primary's first where it is known. */
export const homesOf = (records: readonly VolumeRecord[]): HostUuid[] => [...new Set(records.flatMap(({ homes }) => homes))]
