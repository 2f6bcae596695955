import type { WorkerSettings, WorkerSpec } from '../../wire/worker-api'
import type { HostParts } from './parts'

/** What workers of this host are told of the pool's configuration. */
export const settingsFor = ({ config, host }: HostParts): Required<WorkerSettings> => ({
  ...{ witness: config.witness, alternateWitness: config.alternateWitness, witnessTls: config.witnessTls },
  ...{ withoutQuorum: config.withoutQuorum, isPreferredSurvivor: config.preferredSurvivor === host, resync: config.resync },
})

/** Whether a worker with this spec has been told something else; of an earlier release's spec, what is absent is as it was usual then. */
export function isOutOfDate(spec: WorkerSpec, settings: Required<WorkerSettings>): boolean {
  const { witness, alternateWitness = null, witnessTls = null, withoutQuorum = 'freeze', isPreferredSurvivor = false } = spec
  const told: Required<WorkerSettings> = {
    ...{ witness, alternateWitness, witnessTls, withoutQuorum, isPreferredSurvivor, resync: spec.resync ?? {} },
  }
  return JSON.stringify(told) !== JSON.stringify(settings)
}
