import type { StoredClaim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey, type HostUuid } from '../../../lib/core/domain/ids'
import { healthOf, type ProtectedVm } from '../../../lib/daemon/host/health'
import type { WorkerRole, WorkerStatus } from '../../../lib/wire/worker-api'

const [A, B, C] = ['1', '2', '3'].map((digit) => hostUuid(`00000000-0000-4000-8000-00000000000${digit}`)) as [
  HostUuid,
  HostUuid,
  HostUuid,
]
const VM = vmUuid('00000000-0000-4000-8000-0000000000aa')
const [ROOT, DATA] = ['d1', 'd2'].map((digits) => volumeKey(`00000000-0000-4000-8000-0000000000${digits}`)) as [never, never]
const NAMES = new Map([
  [A, 'a'],
  [B, 'b'],
  [C, 'c'],
])

const listing = (root: readonly HostUuid[], data: readonly HostUuid[] = root): StoredClaim => ({
  revision: 1,
  claim: { vm: VM, term: 1, holder: A, leaseMs: 1500, upToDate: { [ROOT]: root, [DATA]: data }, lockstep: null },
})

const worker = (role: WorkerRole, change: Partial<WorkerStatus> = {}): WorkerStatus => ({
  ...{ id: VM, role, claim: listing([A, B]), claimIsCurrent: true, frozen: false, degraded: '', peerConnected: true },
  ...{ witnessReachable: true, guestActive: true, ...change },
  volumes: [ROOT, DATA].map((key) => ({
    ...{ key, localReplica: 'up-to-date', resync: null, verify: null, refused: null, attachedTo: null },
    ...change.volumes?.find((each) => each.key === key),
  })),
})

const seenBy = (host: HostUuid, change: Partial<ProtectedVm>): ProtectedVm => ({
  ...{ host, nameOf: (each) => NAMES.get(each) ?? '?', volumes: [ROOT, DATA], homes: [A, B], worker: null },
  ...{ claim: listing([A, B]), suspected: () => false, wantsLockstep: false, ...change },
})

const WORKER_AWAY = 'the worker of this host does not answer'
const UNKNOWN = 'the claim is not known: the witness does not answer'
const UNCLAIMED = 'the witness holds no claim of it'
const ONLY_A = 'only the replica on a is up-to-date'

test.each<[what: string, vm: ProtectedVm, health: string, reason: string]>([
  ['a third host, both listed', seenBy(C, {}), 'protected', ''],
  ['a third host, one listed', seenBy(C, { claim: listing([A]) }), 'degraded', ONLY_A],
  ['a third host, one listed for one disk', seenBy(C, { claim: listing([A, B], [A]) }), 'degraded', ONLY_A],
  [
    'a third host, each listed for another disk',
    seenBy(C, { claim: listing([A], [B]) }),
    'degraded',
    'not every disk is up-to-date on both hosts',
  ],
  ['a third host, a disk not listed', seenBy(C, { claim: listing([]) }), 'degraded', 'no replica is known to be up-to-date'],
  ['a third host, witness silent', seenBy(C, { claim: 'unread' }), 'degraded', UNKNOWN],
  ['a third host, no claim', seenBy(C, { claim: null }), 'degraded', UNCLAIMED],
  ['a third host, secondary lost', seenBy(C, { suspected: (host) => host === B }), 'degraded', 'b is suspected dead'],
  ['a third host, holder lost', seenBy(C, { suspected: (host) => host === A }), 'degraded', 'a is suspected dead'],
  [
    'the holder, both whole, one listed',
    seenBy(A, { worker: worker('primary', { claim: listing([A, B], [A]) }) }),
    'degraded',
    'both replicas are whole, and the witness has not stored it yet',
  ],
  ['the holder, its worker away', seenBy(A, {}), 'degraded', WORKER_AWAY],
  ['the holder that is no home, its worker away', seenBy(A, { homes: [B, C] }), 'degraded', WORKER_AWAY],
  ['the secondary, its worker away', seenBy(B, {}), 'degraded', WORKER_AWAY],
  ['a home, worker away and witness silent', seenBy(A, { claim: 'unread' }), 'degraded', WORKER_AWAY],
  ['the primary', seenBy(A, { worker: worker('primary') }), 'protected', ''],
  [
    'the primary, without a watchdog',
    seenBy(A, { worker: worker('primary', { unguarded: 'no watchdog' }) }),
    'degraded',
    'no watchdog',
  ],
  ['the primary, alone', seenBy(A, { worker: worker('primary', { degraded: 'alone' }) }), 'degraded', 'alone'],
  ['the primary, frozen', seenBy(A, { worker: worker('primary', { frozen: true }) }), 'frozen', 'the guest waits for a replica'],
  ['the secondary', seenBy(B, { worker: worker('secondary') }), 'protected', ''],
  ['the secondary, witness silent', seenBy(B, { worker: worker('secondary'), claim: 'unread' }), 'degraded', UNKNOWN],
  [
    'the secondary, not connected',
    seenBy(B, { worker: worker('secondary', { peerConnected: false }) }),
    'degraded',
    'the primary is not connected',
  ],
  [
    'the secondary, being filled',
    seenBy(B, { worker: worker('secondary'), claim: listing([A]) }),
    'syncing',
    'not every disk is up-to-date on both hosts',
  ],
  [
    'the secondary, primary lost its disk',
    seenBy(B, { worker: worker('secondary'), claim: listing([B]) }),
    'degraded',
    'only the replica on b is up-to-date',
  ],
  ['a worker that is no side of the mirror yet', seenBy(A, { worker: worker('solo'), claim: listing([A]) }), 'degraded', ONLY_A],
])('%s', (_, vm, health, reason) => {
  expect(healthOf(vm)).toEqual({ health, reason })
})

const kept = { isKept: true, state: 'lockstep', why: '', epochsConfirmed: 3, heldBytes: 0 }
const report = {
  ...{ ...kept, pauseMedianMs: null, pauseP99Ms: null, bytesPerEpoch: null, outputDelayMedianMs: null },
  outputDelayP99Ms: null,
}
const inLockstep = (holder: HostUuid): StoredClaim => {
  const stored = listing([A, B])
  return { ...stored, claim: { ...stored.claim, lockstep: { secondary: holder, run: 1 } } }
}
const dialled = (host: HostUuid, change: Partial<ProtectedVm>): ProtectedVm => seenBy(host, { wantsLockstep: true, ...change })
const primaryWith = (lockstep: Partial<typeof report>, change: Partial<WorkerStatus> = {}): WorkerStatus =>
  worker('primary', { lockstep: { ...report, ...lockstep }, ...change })
const NOT = 'it is not in lockstep, and at redirect until it is: '

test.each<[what: string, vm: ProtectedVm, health: string, reason: string]>([
  ['kept', dialled(A, { worker: primaryWith({}) }), 'protected', ''],
  ['not wanted any more', seenBy(A, { worker: primaryWith({ isKept: false }) }), 'protected', ''],
  ['lost', dialled(A, { worker: primaryWith({ isKept: false, state: 'alone', why: 'no peer' }) }), 'degraded', `${NOT}no peer`],
  [
    'lost, nobody knows why',
    dialled(A, { worker: primaryWith({ isKept: false, state: 'leaving' }) }),
    'degraded',
    `${NOT}the reason is not known yet`,
  ],
  [
    'on its way there',
    dialled(A, { worker: primaryWith({ isKept: false, state: 'seeding' }) }),
    'syncing',
    'its memory is being copied to its secondary',
  ],
  ['its worker not told', dialled(A, { worker: worker('primary') }), 'degraded', `${NOT}its worker has not been told yet`],
  [
    'its disks are worse',
    dialled(A, { worker: primaryWith({ isKept: false }, { degraded: 'one disk' }) }),
    'degraded',
    'one disk',
  ],
  ['seen by the secondary', dialled(B, { worker: worker('secondary'), claim: inLockstep(B) }), 'protected', ''],
  [
    'seen by the secondary, lost',
    dialled(B, { worker: worker('secondary') }),
    'degraded',
    'it is not in lockstep; the host that runs it knows why',
  ],
])('lockstep %s', (_, vm, health, reason) => {
  expect(healthOf(vm)).toEqual({ health, reason })
})

test('protected: only where the primary says so, or the claim lists two for each disk and nobody of them is missed', () => {
  const lists = [[], [A], [B], [A, B]]
  const claims = [null, 'unread' as const, ...lists.flatMap((root) => lists.map((data) => listing(root, data)))]
  const workers = [
    null,
    worker('solo'),
    ...(['primary', 'secondary'] as const).flatMap((role) =>
      ['', 'why'].flatMap((degraded) => [true, false].map((peerConnected) => worker(role, { degraded, peerConnected }))),
    ),
  ]
  let seen = 0
  for (const host of [A, B, C])
    for (const claim of claims)
      for (const at of workers)
        for (const lost of [null, A, B]) {
          const { health, reason } = healthOf(seenBy(host, { claim, worker: at, suspected: (each) => each === lost }))
          expect(health === 'protected').toBe(reason === '')
          if (health !== 'protected') continue
          seen += 1
          if (at?.role === 'primary') expect(at.degraded).toBe('')
          else {
            expect(claim === null || claim === 'unread' ? claim : claim.claim.upToDate).toEqual({
              [ROOT]: [A, B],
              [DATA]: [A, B],
            })
            expect([null, host]).toContain(lost)
            expect(at?.role === 'secondary' ? at.peerConnected : at !== null || host === C).toBe(true)
          }
        }
  expect(seen).toBeGreaterThan(0)
})
