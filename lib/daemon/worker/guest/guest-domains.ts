/** A disk, as far as it matters here. */
export interface Served {
  readonly attachedTo: string | null
  readonly active: boolean
}

/** dom0 itself, whose disk clients are no guest's. */
const DOM0 = '0'

/** Domids whose vCPUs use these disks. */
export const domainsOf = (disks: readonly Served[]): Set<string> =>
  new Set(disks.flatMap(({ attachedTo, active }) => (active && attachedTo !== null && attachedTo !== DOM0 ? [attachedTo] : [])))
