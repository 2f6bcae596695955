import type { StoredClaim } from '../../../lib/core/domain/claim'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import type { Fleet } from '../../../lib/daemon/host/fleet'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { peerHandlers } from '../../../lib/daemon/host/secondary-duty'
import { A, claimBy, freshVm } from '../../contracts/witness-port'

const vm = freshVm()

/** Of a host that was started anew, and has no worker for the VM: what it noted about the VM's witnesses and has forgotten by now. */
async function forgottenWith(stored: StoredClaim | null): Promise<string[]> {
  const forgotten: string[] = []
  const parts = {
    witness: { read: () => Promise.resolve(stored) },
    forgetNote: (of: string) => Promise.resolve(void forgotten.push(of)),
  }
  const fleet = { specOf: () => undefined }
  const handlers = peerHandlers(parts as unknown as HostParts, null as unknown as Catalogue, fleet as unknown as Fleet)
  await handlers['peer-release']({ vm }).catch((error: unknown) => forgotten.push(String((error as { code?: string }).code)))
  return forgotten
}

test('what was noted about a claim that is gone is forgotten also where no worker runs', async () => {
  expect(await forgottenWith(null)).toEqual([vm])
})

test('what was noted about a claim that is there is kept', async () => {
  expect(await forgottenWith({ revision: 1, claim: claimBy(A, { vm }) })).toEqual(['HOLDFAST_VOLUME_IN_USE'])
})
