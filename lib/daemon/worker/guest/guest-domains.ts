import { DOM0 } from '../../../core/domain/ids'
import type { WorkerSpec } from '../../../wire/worker-api'

/** A disk, as far as it matters here. */
export interface Served {
  readonly attachedTo: string | null
  readonly active: boolean
}

/** Domids whose vCPUs use these disks. */
export const domainsOf = (disks: readonly Served[]): Set<string> =>
  new Set(disks.flatMap(({ attachedTo, active }) => (active && attachedTo !== null && attachedTo !== DOM0 ? [attachedTo] : [])))

/** The same as a worker has noted it. */
export const domainsIn = (attached: WorkerSpec['attached']): Set<string> =>
  domainsOf(Object.values(attached).map(({ domain, active }) => ({ attachedTo: domain, active })))
