import { hostUuid, vmUuid } from '../../../lib/core/domain/ids'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import { Fleet } from '../../../lib/daemon/host/fleet'
import type { HostParts } from '../../../lib/daemon/host/parts'
import type { WorkerSpec } from '../../../lib/wire/worker-api'

const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const [ONE, TWO] = [1, 2].map((number) => vmUuid(`99999999-0000-4000-8000-00000000000${number}`))

/** A fleet whose workers are on the list only some time after they were started. */
function slowFleet(): { fleet: Fleet; listed: WorkerSpec[] } {
  const listed: WorkerSpec[] = []
  const parts = {
    ...{ host: HOST, config: { pool: 'p', witness: 'w', hosts: { [HOST]: { management: '::1', alinks: [] } } } },
    fronts: { release: () => undefined },
    workers: {
      ...{ list: () => listed, onExit: () => undefined },
      start: (spec: WorkerSpec) => Promise.resolve().then(() => listed.push(spec)),
      remove: () => Promise.resolve(),
    },
  } as unknown as HostParts
  return { fleet: new Fleet(parts, undefined as unknown as Catalogue), listed }
}

test('workers that are started at the same time get a port each, and keep it', async () => {
  const { fleet, listed } = slowFleet()
  if (ONE === undefined || TWO === undefined) throw new Error('there are two VMs')
  const specs = [fleet.pairSpec(ONE, [], null), fleet.pairSpec(TWO, [], null)]
  expect(fleet.pairSpec(ONE, [], null).listen).toEqual(specs[0]?.listen)
  await Promise.all(specs.map((spec) => fleet.start(spec)))
  const [first, second] = listed.map(({ listen }) => listen?.port)
  expect(first).toBeDefined()
  expect(second).not.toBe(first)
})

test('a port is given again when its worker is gone', async () => {
  const { fleet } = slowFleet()
  if (ONE === undefined || TWO === undefined) throw new Error('there are two VMs')
  const { listen } = fleet.pairSpec(ONE, [], null)
  await fleet.remove(ONE)
  expect(fleet.pairSpec(TWO, [], null).listen).toEqual(listen)
})
