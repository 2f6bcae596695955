import { srUuid } from '../../../core/domain/ids'
import type { Catalogue } from '../catalogue'
import type { Membership } from '../membership'
import type { HostParts } from '../parts'

/** After a power cut of both: machines of a kind are up within this of each other, and a pool keeps its coordinator if it can. */
const COORDINATOR_FIRST_MS = 30_000

/**
 * XAPI attaches a host's SRs when it starts, on its coordinator's word. A member that comes back alone after a power cut would know of no VM
 * that it could take over, and without a claim taken from the coordinator it may not become one itself. So it attaches what it had.
 */
export async function attachWithoutCoordinator(
  { xapi, writtenCoordinator, srs, host, timeline, upMs }: HostParts,
  catalogue: Catalogue,
  membership: Membership,
): Promise<void> {
  if (xapi.inventory() !== null || upMs() < COORDINATOR_FIRST_MS) return
  const coordinator = writtenCoordinator()
  if (coordinator === null || coordinator === host || membership.verdict(coordinator) !== 'suspected') return
  for (const { sr, path } of srs.remembered()) {
    if (catalogue.srs.includes(srUuid(sr))) continue
    await catalogue.attach(srUuid(sr), path)
    await srs.add(sr, path)
    timeline.record({
      ...{ vm: null, act: 'sr-attached', rule: 'coordinator-silent' },
      text: 'XAPI has no coordinator to attach the SR for; it is attached as it was when this host ran last.',
      evidence: { sr, path, coordinator },
    })
  }
}
