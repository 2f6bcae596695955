import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { WorkerParts } from '../../../lib/daemon/worker/parts'
import { Worker } from '../../../lib/daemon/worker/worker'
import { createNbdExport } from '../../../lib/dom0/nbd/nbd-export'
import { noWitness } from '../../../lib/dom0/witness/no-witness'
import { noClaimNotes } from '../../world/no-claim-notes'
import { openReplica } from '../../../lib/dom0/replica/open-replica'
import { blockDigests } from '../../../lib/dom0/replica/block-digests'
import { systemClock } from '../../../lib/dom0/system/system-clock'
import { systemTimers } from '../../../lib/dom0/system/system-timers'
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
    ...{
      clock: systemClock,
      timers: systemTimers,
      log,
      timeline: { record: () => undefined },
      incarnation: '',
      newLinkId: () => 1,
    },
    witness: { ...noWitness(), read: notAsked },
    bootClock: systemClock,
    leases: { left: null, tell: notAsked, forget: notAsked, trouble: '' },
    domains: { state: notAsked, pause: notAsked, unpause: notAsked, destroy: notAsked },
    ...{ alternate: null, claimNotes: noClaimNotes },
    openReplica: open,
    ...{ boot: 'boot', newGeneration: () => '0123456789abcdef', digest: blockDigests, pace: {} },
    serveDisk: async (volume, sizeBytes, handler) => {
      const socket = join(folder, `${volume}.sock`)
      return Object.assign(await createNbdExport({ listen: { unix: socket }, exportName: volume, sizeBytes, handler, log }), {
        socket,
      })
    },
    ...{
      serveView: notAsked,
      keepAside: notAsked,
      putAway: notAsked,
      dialPeer: notAsked,
      listenPeer: notAsked,
      restart: notAsked,
    },
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

test('a mirror of one whose replica cannot be opened says so', async () => {
  const gone = (): Promise<never> => Promise.reject(Object.assign(new Error('EIO: i/o error'), { code: 'EIO' }))
  const worker = new Worker(spec, partsWith(gone), () => undefined)
  await worker.start()
  expect(worker.status()).toMatchObject({
    degraded: 'the only replica failed, and requests wait until it can be opened again',
    volumes: [{ localReplica: 'failed' }],
  })
  await worker.stop()
})

test('a disk that is asked for twice at a time is served once, and gone when it is given back', async () => {
  await (await openReplica({ key: VOLUME, sizeBytes: 1 << 20, path: join(folder, 'disk.raw') }, true)).close()
  const parts = partsWith(openReplica)
  let served = 0
  const worker = new Worker(
    spec,
    {
      ...parts,
      serveDisk: (...asked) => {
        served++
        return parts.serveDisk(...asked)
      },
    },
    () => undefined,
  )
  await worker.start()
  const ask = { volume: VOLUME, domain: '7' }
  const [one, other] = await Promise.all([worker.handlers.attach(ask), worker.handlers.attach(ask)])
  expect(other).toEqual(one)
  expect(served).toBe(1)
  await worker.handlers.detach(ask)
  expect(existsSync(one.socket)).toBe(false)
  await worker.handlers.attach(ask)
  expect(served).toBe(2)
  await worker.stop()
})
