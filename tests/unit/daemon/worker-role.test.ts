import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { WorkerParts } from '../../../lib/daemon/worker/parts'
import { Worker } from '../../../lib/daemon/worker/worker'
import { createNbdExport } from '../../../lib/dom0/nbd-export'
import { openReplica } from '../../../lib/dom0/open-replica'
import { blockDigests } from '../../../lib/dom0/block-digests'
import { systemClock } from '../../../lib/dom0/system-clock'
import type { WorkerSpec } from '../../../lib/wire/worker-api'
import { QuietLog } from '../../integration/quiet-log'

const HOST = hostUuid('00000000-0000-4000-8000-000000000001')
const VOLUME = volumeKey('00000000-0000-4000-8000-000000000002')
const folder = mkdtempSync(join(tmpdir(), 'holdfast-worker-'))
afterAll(() => rmSync(folder, { recursive: true }))

const spec: WorkerSpec = {
  ...{ format: 1, id: VOLUME, pool: '', host: HOST, vm: null, witness: '', poolKeyFile: '', timelineFile: '' },
  volumes: [{ key: VOLUME, sizeBytes: 1 << 20, path: join(folder, 'disk.raw') }],
  ...{ listen: null, peer: null, attached: {} },
}

const notAsked = (): never => {
  throw new Error('an unprotected disk needs no such thing')
}
const partsWith = (open: WorkerParts['openReplica']): WorkerParts => {
  const log = new QuietLog()
  return {
    ...{ clock: systemClock, log, timeline: { record: () => undefined }, incarnation: '', newLinkId: () => 1 },
    witness: { reachable: false, read: notAsked, compareAndSwap: notAsked, renew: notAsked, remove: notAsked, close: notAsked },
    domains: { pause: notAsked, unpause: notAsked, destroy: notAsked },
    openReplica: open,
    ...{ boot: 'boot', newGeneration: () => '0123456789abcdef', digest: blockDigests, pace: {} },
    serveDisk: async (volume, sizeBytes, handler) => {
      const socket = join(folder, `${volume}.sock`)
      return Object.assign(await createNbdExport({ listen: { unix: socket }, exportName: volume, sizeBytes, handler, log }), {
        socket,
      })
    },
    ...{ dialPeer: notAsked, listenPeer: notAsked, restart: notAsked },
  }
}

test('a disk that is asked for while the replica is still being opened is given when it is', async () => {
  await (await openReplica({ key: VOLUME, sizeBytes: 1 << 20, path: join(folder, 'disk.raw') }, true)).close()
  let goOn = (): void => undefined
  const gate = new Promise<void>((resolve) => (goOn = resolve))
  const worker = new Worker(
    spec,
    partsWith(async (volume, create) => {
      await gate
      return openReplica(volume, create)
    }),
    () => undefined,
  )
  const started = worker.start()
  const attached = worker.handlers.attach({ volume: VOLUME, domain: '7' })
  const activated = attached.then(() => worker.handlers.activate({ volume: VOLUME, domain: '7' }))
  goOn()
  await started
  expect(await attached).toEqual({ socket: join(folder, `${VOLUME}.sock`), exportName: VOLUME })
  await activated
  expect(worker.status()).toMatchObject({ role: 'solo', guestActive: true })
  await worker.stop()
})
