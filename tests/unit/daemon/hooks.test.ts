import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey, type HostUuid } from '../../../lib/core/domain/ids'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import { hookVerdict } from '../../../lib/daemon/host/hooks'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { WitnessUnreachable } from '../../../lib/ports/witness'

const [HERE, THERE] = [1, 2].map((n) => hostUuid(`00000000-0000-4000-8000-00000000000${n}`)) as [HostUuid, HostUuid]
const VM = vmUuid('00000000-0000-4000-8000-0000000000aa')
const claimOf = (holder: HostUuid, lockstep: Claim['lockstep'] = null): Claim => ({
  ...{ vm: VM, term: 4, holder, leaseMs: 1500, upToDate: {}, lockstep },
})

function verdict(
  claim: Claim | 'none' | 'silent',
  hook = 'vm-pre-start',
  isProtected = true,
): Promise<{ goOn: boolean; text: string }> {
  const parts = {
    ...{ host: HERE, config: { hosts: {} } },
    xapi: {
      inventory: () => ({
        ...{ vms: [{ uuid: VM, name: 'web' }] },
        hosts: [
          { uuid: HERE, name: 'h1' },
          { uuid: THERE, name: 'h2' },
        ],
      }),
    },
    witness: {
      read: () =>
        claim === 'silent'
          ? Promise.reject(new WitnessUnreachable('no answer'))
          : Promise.resolve(claim === 'none' ? null : { revision: 1, claim }),
    },
  } as unknown as HostParts
  const records = isProtected ? [{ key: volumeKey('00000000-0000-4000-8000-0000000000d1') }] : []
  const catalogue = { ofVm: () => records } as unknown as Catalogue
  return hookVerdict(parts, catalogue, { hook, vm: VM, reason: 'none' })
}

// Its guest went on over there, from its memory: a copy that a former host is about to start again would be a second one.
test.each<[string, Claim]>([
  ['mirrored', claimOf(THERE)],
  ['in lockstep with this host', claimOf(THERE, { secondary: HERE, run: 7 })],
])('a VM whose claim is elsewhere, %s, is not started here', async (_, claim) => {
  expect(await verdict(claim)).toEqual({
    goOn: false,
    text: expect.stringContaining(
      'VM web cannot start or attach its disks on host h1. Host h2 holds its claim (term 4).',
    ) as string,
  })
})

test.each<[string, Promise<{ goOn: boolean }>]>([
  ['its claim is here', verdict(claimOf(HERE))],
  ['there is no claim', verdict('none')],
  // Its storage asks again, and needs the worker that holds the claim.
  ['the witness is silent', verdict('silent')],
  ['it is not protected', verdict(claimOf(THERE), 'vm-pre-start', false)],
  ['it is not about a start', verdict(claimOf(THERE), 'vm-pre-shutdown')],
])('goes on when %s', async (_, given) => expect(await given).toEqual({ goOn: true, text: '' }))
