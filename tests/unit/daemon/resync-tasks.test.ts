import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import { Catalogue } from '../../../lib/daemon/host/catalogue'
import { Fleet } from '../../../lib/daemon/host/fleet'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { ResyncTasks } from '../../../lib/daemon/host/resync-tasks'
import type { WorkerSpec, WorkerStatus } from '../../../lib/wire/worker-api'
import { recordingLog } from '../dom0/small-daemon'

const HOST = hostUuid('00000000-0000-4000-8000-000000000001')
const VM = vmUuid('00000000-0000-4000-8000-0000000000aa')
const key = volumeKey('00000000-0000-4000-8000-0000000000d1')

const resync = { target: HOST, doneBytes: 1, totalBytes: 4, bytesPerSecond: 1, etaSeconds: 3 }
const copying: WorkerStatus = {
  ...{ id: VM, role: 'primary', claim: null, claimIsCurrent: true, frozen: false, degraded: 'a resync is under way' },
  ...{ peerConnected: true, witnessReachable: true, guestActive: true },
  volumes: [{ key, localReplica: 'up-to-date', resync, verify: null, refused: null, attachedTo: null }],
}
const over: WorkerStatus = { ...copying, degraded: '', volumes: copying.volumes.map((each) => ({ ...each, resync: null })) }

/** What the pool's tasks end as, while this host's workers are these and then those. */
async function endOf(then: { specs: readonly Partial<WorkerSpec>[]; status: WorkerStatus }): Promise<unknown> {
  const ended: unknown[] = []
  let now: typeof then = { specs: [{ id: VM, vm: VM }], status: copying }
  const parts = {
    ...{ host: HOST, config: { hosts: {} }, log: recordingLog() },
    xapi: {
      reachable: true,
      inventory: () => null,
      call: (method: string, args: readonly unknown[]) => {
        if (method === 'task.set_status') ended.push(args)
        return Promise.resolve(method === 'task.create' ? 'OpaqueRef:1' : {})
      },
    },
    workers: { onExit: () => undefined, list: () => now.specs, ask: () => Promise.resolve(now.status) },
  } as unknown as HostParts
  const tasks = new ResyncTasks(parts, new Fleet(parts, new Catalogue(parts)))
  await tasks.turn()
  now = then
  await tasks.turn()
  await tasks.turn()
  return ended
}

const mirrored = [{ id: VM, vm: VM }]

test.each([
  ['the copy is done', { specs: mirrored, status: over }, 'success'],
  ['it was interrupted', { specs: mirrored, status: { ...over, degraded: 'the peer is not connected' } }, 'cancelled'],
  ['the worker is gone', { specs: [], status: over }, 'cancelled'],
  ['the VM was unprotected', { specs: [{ id: VM, vm: null }], status: { ...over, role: 'solo' as const } }, 'cancelled'],
  ['it was just unprotected', { specs: mirrored, status: { ...over, role: 'solo' as const } }, 'cancelled'],
])('a task whose end is seen when %s', async (_, then, status) => {
  expect(await endOf(then)).toEqual([['OpaqueRef:1', status]])
})
