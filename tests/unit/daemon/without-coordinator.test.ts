import { hostUuid } from '../../../lib/core/domain/ids'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import { attachWithoutCoordinator } from '../../../lib/daemon/host/failover/without-coordinator'
import type { Membership } from '../../../lib/daemon/host/membership'
import type { HostParts } from '../../../lib/daemon/host/parts'

const HERE = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const COORDINATOR = hostUuid('aaaaaaaa-0000-4000-8000-000000000002')
const SR = 'cccccccc-0000-4000-8000-000000000001'

interface Scene {
  readonly inventory?: object | null
  readonly written?: typeof HERE | null
  readonly verdict?: string
  readonly upMs?: number
}

/** A member whose XAPI was started without its coordinator, and remembers one SR; what it attached, and told of, after two looks. */
async function attached({
  inventory = null,
  written = COORDINATOR,
  verdict = 'suspected',
  upMs = 30_000,
}: Scene): Promise<string[]> {
  const done: string[] = []
  const srs: string[] = []
  const parts = {
    ...{ host: HERE, writtenCoordinator: () => written, upMs: () => upMs, xapi: { inventory: () => inventory } },
    srs: {
      remembered: () => [{ sr: SR, path: '/srv/holdfast' }],
      add: (sr: string) => Promise.resolve(void done.push(`kept ${sr}`)),
    },
    timeline: { record: ({ act }: { act: string }) => void done.push(act) },
  } as unknown as HostParts
  const catalogue = {
    srs,
    attach: (sr: string, path: string) => Promise.resolve(void (srs.push(sr), done.push(`${sr} ${path}`))),
  }
  const membership = { verdict: () => verdict } as unknown as Membership
  for (let look = 0; look < 2; look++) await attachWithoutCoordinator(parts, catalogue as unknown as Catalogue, membership)
  return done
}

test('the SR is attached once, as it was, when its coordinator stays silent', async () => {
  expect(await attached({})).toEqual([`${SR} /srv/holdfast`, `kept ${SR}`, 'sr-attached'])
})

test.each<[string, Scene]>([
  ['XAPI has shown the pool since', { inventory: {} }],
  ['the machine has just been started: its coordinator may be, too', { upMs: 29_999 }],
  ['this host is the coordinator', { written: HERE }],
  ['nobody knows who the coordinator is', { written: null }],
  ['the coordinator is heard', { verdict: 'good' }],
  ['it is not known whether it is there', { verdict: 'unknown' }],
])('it is left to XAPI: %s', async (_, scene) => {
  expect(await attached(scene)).toEqual([])
})
