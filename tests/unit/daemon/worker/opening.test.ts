import type { StoredClaim } from '../../../../lib/core/domain/claim'
import { LEASE_MS } from '../../../../lib/core/domain/lease'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import { Worker } from '../../../../lib/daemon/worker/worker'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { type RenewAnswer, WitnessUnreachable } from '../../../../lib/ports/witness'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { A } from '../../../contracts/witness-port'
import { SecondaryScene, VOLUMES } from './secondary-scene'

/** The worker of a holder on host B whose disk is silent while it is being opened. */
let scene: SecondaryScene
let letGo: () => void
let renewals: RenewAnswer[]
const destroyed: string[] = []
const restarts: string[] = []

beforeEach(() => {
  scene = new SecondaryScene()
  scene.stored = { revision: 1, claim: { ...scene.stored.claim, holder: scene.spec.host, upToDate: scene.listed } }
  letGo = scene.replicas.hold('openReplica')
  renewals = []
  destroyed.length = restarts.length = 0
})
afterEach(() => scene.close())

const usedBefore = Object.fromEntries(VOLUMES.map((key) => [key, { domain: '7', active: true }]))

function workerThat(
  renew: () => RenewAnswer,
  saved: (spec: WorkerSpec) => void = () => undefined,
  attached: WorkerSpec['attached'] = usedBefore,
  serveDisk: (volume: string) => Promise<object> = () => Promise.resolve({ socket: '', close: () => Promise.resolve() }),
): Worker {
  const parts = {
    ...scene.parts,
    clock: { nowMs: () => performance.now() },
    timers: systemTimers,
    domains: {
      destroy: (domid: string) => Promise.resolve(void destroyed.push(domid)),
      state: (domid: string) => Promise.resolve(destroyed.includes(domid) ? 'gone' : 'running'),
      pause: () => Promise.resolve(),
      unpause: () => Promise.resolve(),
    },
    dialPeer: () => ({ port: 1, close: () => Promise.resolve() }),
    newLinkId: () => 1,
    restart: (reason: string) => void restarts.push(reason),
    serveDisk,
    witness: {
      ...scene.parts.witness,
      renew: () =>
        Promise.resolve().then(() => {
          const answer = renew()
          renewals.push(answer)
          return answer
        }),
    },
  } as unknown as WorkerParts
  return new Worker({ ...scene.spec, attached }, parts, saved)
}

test('a disk that is slow to open costs no lease', async () => {
  const worker = workerThat(() => ({ renewed: true }))
  const started = worker.start()
  await scene.until('the lease was renewed again and again', () => renewals.length > 3)
  expect(worker.status().claim).toBeNull()
  letGo()
  await started
  expect(worker.status()).toMatchObject({
    role: 'primary',
    guestActive: true,
    volumes: [{ attachedTo: '7' }, { attachedTo: '7' }],
  })
  await worker.stop()
})

test('a claim that is lost meanwhile stops the guest that still uses the disks', async () => {
  const current: StoredClaim = { revision: 2, claim: { ...scene.stored.claim, term: 2, holder: A } }
  const saved: WorkerSpec[] = []
  const worker = workerThat(
    () => ({ renewed: false, current }),
    (spec) => saved.push(spec),
  )
  const started = worker.start()
  await scene.until('the process is to end', () => restarts.length > 0)
  expect(destroyed).toEqual(['7'])
  expect(saved.map(({ attached }) => attached)).toEqual([{}])
  letGo()
  await started
  await worker.stop()
})

/** One that a guest may run under. */
const longerLease = (): void => {
  scene.stored = { revision: 1, claim: { ...scene.stored.claim, leaseMs: LEASE_MS } }
}

/** It has started, and its lease is confirmed from `hear` on. */
async function workerUnheard(): Promise<{ worker: ReturnType<typeof workerThat>; hear: () => void }> {
  let isHeard = false
  const worker = workerThat(() => {
    if (isHeard) return { renewed: true }
    throw new WitnessUnreachable('silent')
  })
  letGo()
  await worker.start()
  return { worker, hear: () => (isHeard = true) }
}

test('no guest begins while the lease is not confirmed', async () => {
  longerLease()
  const { worker, hear } = await workerUnheard()
  const order: string[] = []
  const [volume] = VOLUMES
  if (volume === undefined) throw new Error('the scene has disks')
  const begun = worker.handlers.activate({ volume, domain: '8' }).then(() => order.push('begun'))
  await worker.handlers.attach({ volume, domain: '8' })
  await systemTimers.pause(100)
  order.push('heard')
  hear()
  await begun
  expect(order).toEqual(['heard', 'begun'])
  await worker.stop()
})

test('what a domain gives back late is not taken from the next one', async () => {
  longerLease()
  const worker = workerThat(() => ({ renewed: true }))
  const started = worker.start()
  letGo()
  await started
  const [volume] = VOLUMES
  if (volume === undefined) throw new Error('the scene has disks')
  await worker.handlers.attach({ volume, domain: '8' })
  await worker.handlers.activate({ volume, domain: '8' })
  await worker.handlers.deactivate({ volume, domain: '7' })
  await worker.handlers.detach({ volume, domain: '7' })
  const [disk] = worker.status().volumes
  expect(disk).toMatchObject({ attachedTo: '8' })
  expect(worker.status().guestActive).toBe(true)
  await worker.handlers.detach({ volume, domain: '8' })
  expect(worker.status().volumes[0]).toMatchObject({ attachedTo: null })
  await worker.stop()
})

/** What failed starts asked for comes all at once when their worker wakes. */
test('what domains asked for and gave back in vain takes nothing from the one that runs', async () => {
  longerLease()
  const served: string[] = []
  const worker = workerThat(
    () => ({ renewed: true }),
    () => undefined,
    {},
    async (volume) => {
      await systemTimers.pause(5)
      served.push(volume)
      return { socket: volume, close: () => Promise.resolve(void served.splice(served.indexOf(volume), 1)) }
    },
  )
  const started = worker.start()
  letGo()
  await started
  const [volume] = VOLUMES
  if (volume === undefined) throw new Error('the scene has disks')
  const { attach, activate, deactivate, detach } = worker.handlers
  const turn = (): Promise<void> => systemTimers.pause(0)
  const asked: Promise<unknown>[] = []
  for (const domain of ['8', '9']) {
    asked.push(attach({ volume, domain }))
    await turn()
    asked.push(deactivate({ volume, domain }), detach({ volume, domain }))
  }
  asked.push(attach({ volume, domain: '10' }))
  await turn()
  asked.push(activate({ volume, domain: '10' }), deactivate({ volume, domain: '8' }), detach({ volume, domain: '9' }))
  await Promise.all(asked)
  expect(served).toEqual([volume])
  expect(worker.status()).toMatchObject({ guestActive: true, volumes: [{ attachedTo: '10' }, { attachedTo: null }] })
  await worker.stop()
})

test('a domain that gave its disk back while it waited for the lease does not get it any more', async () => {
  longerLease()
  const { worker, hear } = await workerUnheard()
  const [volume] = VOLUMES
  if (volume === undefined) throw new Error('the scene has disks')
  await worker.handlers.attach({ volume, domain: '8' })
  const late = expect(worker.handlers.activate({ volume, domain: '8' })).rejects.toThrow(volume)
  await systemTimers.pause(0)
  await worker.handlers.detach({ volume, domain: '8' })
  hear()
  await late
  expect(worker.status().volumes[0]).toMatchObject({ attachedTo: null })
  await worker.stop()
})
