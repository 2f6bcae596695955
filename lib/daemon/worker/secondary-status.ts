import type { StoredClaim } from '../../core/domain/claim'
import type { VmUuid } from '../../core/domain/ids'
import type { WorkerSpec, WorkerStatus } from '../../wire/worker-api'
import { unlessUnreachable } from './claim/claim-keeper'
import type { WorkerParts } from './parts'
import type { Secondary } from './secondary'
import { within } from './within'

/** Whoever asks for a status waits no longer for the witness. */
const LOOK_LIMIT_MS = 300

/** The claim as it is now; null where there is none, or the witness is silent. */
export async function claimNow(
  { witness, timers }: Pick<WorkerParts, 'witness' | 'timers'>,
  vm: VmUuid,
): Promise<StoredClaim | null> {
  let found: StoredClaim | null = null
  const looking = unlessUnreachable(witness.read(vm)).then((stored) => (found = stored ?? null))
  await within(timers, LOOK_LIMIT_MS, looking)
  return found
}

/** `side`: null while the witness has not told the role. */
export function secondaryStatus(
  spec: WorkerSpec,
  side: Secondary | null,
  now: StoredClaim | null,
): Omit<WorkerStatus, 'witnessReachable'> {
  return {
    ...{ id: spec.id, role: 'secondary', claim: now ?? side?.claim ?? null, claimIsCurrent: now !== null, frozen: false },
    degraded: side === null ? 'waiting for the witness to tell who holds the claim' : whyAlone(spec, side, now),
    ...{ peerConnected: side?.peerConnected ?? false, guestActive: side?.guestActive ?? false },
    volumes: spec.volumes.map(({ key }, index) => ({
      ...{ key, resync: null, verify: null, refused: null, attachedTo: null },
      localReplica: side?.replicaState(index) ?? 'failed',
    })),
  }
}

/** While the primary is connected, it is the one that knows. */
function whyAlone({ volumes, host }: WorkerSpec, { peerConnected }: Secondary, now: StoredClaim | null): string {
  if (peerConnected) return ''
  const unlisted = volumes.some(({ key }) => now !== null && now.claim.upToDate[key]?.includes(host) !== true)
  return unlisted
    ? 'the primary is not connected, and the claim does not list this replica: it lacks acknowledged writes'
    : 'the primary is not connected'
}
