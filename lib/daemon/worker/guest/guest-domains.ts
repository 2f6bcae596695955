import { DOM0 } from '../../../core/domain/ids'

/** A disk, as far as it matters here. */
export interface Served {
  readonly attachedTo: string | null
  readonly active: boolean
}

/** Domids whose vCPUs use these disks. */
export const domainsOf = (disks: readonly Served[]): Set<string> =>
  new Set(disks.flatMap(({ attachedTo, active }) => (active && attachedTo !== null && attachedTo !== DOM0 ? [attachedTo] : [])))
