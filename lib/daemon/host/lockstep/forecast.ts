import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { LockstepForecast, LockstepMeasure } from '../../../wire/lockstep'
import type { Fleet } from '../fleet'
import { vmNameOf } from '../names'
import type { HostParts } from '../parts'

/** A look takes about a second; a guest that is slow to pause takes longer. */
const FORECAST_LIMIT_MS = 12_000
const PEER_FORECAST_LIMIT_MS = 15_000
const REASONS_LENGTH_MAX = 1000

/** Null: its guest does not run on this host, or its disks are not served by Holdfast. */
export async function forecastHere({ xapi }: HostParts, fleet: Fleet, vm: VmUuid): Promise<LockstepForecast | null> {
  const known = xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)
  if (known?.powerState !== 'Running') return null
  const keys = known.disks.map(({ location }) => location)
  const worker = fleet.specOf(vm) ?? fleet.specs().find(({ volumes }) => volumes.some(({ key }) => keys.includes(key)))
  return worker === undefined ? null : fleet.ask(worker.id, 'lockstep-forecast', {}, FORECAST_LIMIT_MS)
}

/**
 * As the VM would be in lockstep, measured on the host where it runs; null: it does not run, and cannot be measured now. Refuses when it
 * cannot be in lockstep, with all that it lacks.
 */
export async function measured(
  parts: HostParts,
  fleet: Fleet,
  vm: VmUuid,
  primary: HostUuid | null,
): Promise<LockstepMeasure | null> {
  if (primary === null) return null
  const forecast =
    primary === parts.host
      ? await forecastHere(parts, fleet, vm)
      : await parts.askPeer(primary, 'lockstep-forecast', { vm }, PEER_FORECAST_LIMIT_MS)
  if (forecast === null || forecast.can) return forecast
  const reasons = forecast.why.join('; ').slice(0, REASONS_LENGTH_MAX)
  const reason = `Its guest cannot be checkpointed: ${reasons}.`
  throw new Refusal('HOLDFAST_LEVEL_UNSUPPORTED', { level: 'lockstep', vm: vmNameOf(parts, vm), reason })
}
