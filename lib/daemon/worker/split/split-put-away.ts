import { Refusal } from '../../../core/domain/errors'
import type { VolumeKey } from '../../../core/domain/ids'
import type { WorkerParts } from '../parts'
import type { Primary } from '../primary'
import { Secondary } from '../secondary'
import { claimNow } from '../secondary-status'

/** So that it is answered first. */
const RESTART_AFTER_MS = 200

/** Only where the claim, as it is now, does not list this host: what it lists is the guest's data. */
export async function putAway(
  side: Primary | Secondary | undefined,
  volumes: readonly VolumeKey[],
  keep: boolean,
  parts: WorkerParts,
): Promise<{ folders: readonly string[] }> {
  if (!(side instanceof Secondary))
    throw notSplit('of this worker', 'This host is not the secondary.', 'Look at: holdfast split.')
  const kept = side.places.filter(({ volume }) => volumes.includes(volume.key))
  const names = kept.map(({ volume, seat }) => ({ volume, name: seat?.metadata.generations.current ?? '' }))
  await refuseListed(
    side,
    names.map(({ volume }) => volume.key),
    parts,
  )
  // Nobody can bring a closed replica into the claim while that is read once more.
  await side.close()
  parts.timers.after(RESTART_AFTER_MS, () => parts.restart('its replicas are looked at anew'))
  await refuseListed(
    side,
    names.map(({ volume }) => volume.key),
    parts,
  )
  const folders: string[] = []
  for (const { volume, name } of names) folders.push(await parts.putAway(volume, keep ? name || 'unknown' : null))
  return { folders: folders.filter((folder) => folder !== '') }
}

async function refuseListed({ host, claim }: Secondary, volumes: readonly VolumeKey[], parts: WorkerParts): Promise<void> {
  const now = await claimNow(parts, claim.claim.vm)
  if (now === null) throw notSplit('of this worker', 'The witness does not tell whose claim it is.', 'Repeat it when it does.')
  const { holder, upToDate } = now.claim
  const listed = volumes.find((volume) => holder === host || upToDate[volume]?.includes(host) !== false)
  if (listed !== undefined) throw notSplit(listed, 'The claim lists the replica of this host.', 'Look at: holdfast split.')
}

export const notSplit = (volume: string, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_SPLIT_REFUSED', { what: `volume ${volume}`, reason, todo })
