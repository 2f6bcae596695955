import { Refusal } from '../../../lib/core/domain/errors'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { Handlers } from '../../../lib/dom0/api/api-answer'
import { objectionWords } from '../../../lib/core/fencing/words'
import type {
  DaemonApi,
  DiskStatus,
  FenceReport,
  MoveProgress,
  StatusReport,
  VerifyReport,
  VmStatus,
} from '../../../lib/wire/daemon-api'
import { daemonHandlers } from '../dom0/small-daemon'
import { lockstepPool } from './lockstep-pool'
import { splitPool } from './split-pool'

/** The pools that the transcripts in tests/cli name. Each answers as a daemon of host h1 would. */
const H1 = hostUuid('bbbbbbbb-0001-4000-8000-000000000001')
const H2 = hostUuid('bbbbbbbb-0002-4000-8000-000000000002')
const WEB = vmUuid('aaaaaaaa-0001-4000-8000-000000000001')
const DB = vmUuid('aaaaaaaa-0002-4000-8000-000000000002')
const GIB = 1024 ** 3

const disk = (resync: DiskStatus['resync'] = null): DiskStatus => ({
  volume: volumeKey('dddddddd-0001-4000-8000-000000000001'),
  device: 'xvda',
  sizeBytes: 8 * GIB,
  upToDate: resync === null ? ['h1', 'h2'] : ['h1'],
  resync,
  verify: null,
})
const web: VmStatus = {
  vm: WEB,
  name: 'web',
  level: 'redirect',
  health: 'protected',
  reason: '',
  powerState: 'Running',
  residentOn: 'h1',
  holder: 'h1',
  secondary: 'h2',
  term: 3,
  disks: [disk()],
}
const db: VmStatus = {
  ...web,
  vm: DB,
  name: 'a database with a very long name',
  level: 'unprotected',
  health: 'unprotected',
  powerState: 'Halted',
  residentOn: null,
  holder: null,
  secondary: null,
  term: null,
  disks: [{ ...disk(), upToDate: ['h1'] }],
}
const status = (...vms: VmStatus[]): StatusReport => ({
  host: H1,
  hosts: [
    { uuid: H1, name: 'h1', state: 'this-host', silentMs: {}, health: null, findings: [], fenced: null },
    {
      ...{ uuid: H2, name: 'h2', state: 'alive', health: 'good', findings: [], fenced: null },
      silentMs: { management: 45, alink0: 12, alink1: null },
    },
  ],
  witness: { address: '10.77.0.250:7788', reachable: true },
  vms,
})

const copyingAt = (doneBytes: number): VmStatus => ({
  ...web,
  health: 'syncing',
  reason: 'The first copy to h2 is being made.',
  disks: [
    disk({
      target: 'h2',
      doneBytes,
      totalBytes: 8 * GIB,
      bytesPerSecond: 200 * 1024 ** 2,
      etaSeconds: (8 * GIB - doneBytes) / (200 * 1024 ** 2),
    }),
  ],
})

const REASON =
  'Disk xvda has one up-to-date copy only: host h2 left the claim after 2.4 s without an answer, and it comes back by resync as soon as its daemon is heard again.'
const degraded: StatusReport = {
  ...status({ ...web, health: 'degraded', reason: REASON, disks: [{ ...disk(), upToDate: ['h1'] }] }, db),
  hosts: [
    { uuid: H1, name: 'h1', state: 'this-host', silentMs: {}, health: null, findings: [], fenced: null },
    {
      ...{ uuid: H2, name: 'h2', state: 'suspected', health: 'suspected', fenced: 'operator' },
      silentMs: { management: 61_240, alink0: 61_241, alink1: 61_244 },
      findings: [{ kind: 'silent-here', text: 'is silent here, and there is no other host to ask' }],
    },
  ],
  witness: { address: '10.77.0.250:7788', reachable: false },
}

const answer =
  (report: StatusReport): Handlers<DaemonApi>['status'] =>
  ({ vm }) =>
    Promise.resolve(vm === undefined ? report : { ...report, vms: report.vms.filter((each) => each.vm === vm) })

/** A copy that is a little further at every look at this VM, and done at the fourth. */
function advancing(): Handlers<DaemonApi>['status'] {
  const looks = [copyingAt(0), copyingAt(3 * GIB), copyingAt(8 * GIB - 1), web]
  return (ask) => answer(status((ask.vm === undefined ? looks[0] : looks.length > 1 ? looks.shift() : looks[0]) ?? web, db))(ask)
}

const healthy: Handlers<DaemonApi> = {
  ...daemonHandlers(),
  version: () => Promise.resolve({ version: '1.2.3', host: H1 }),
  status: answer(status(web, db)),
  plan: ({ vm, level }) =>
    level === 'gold'
      ? Promise.reject(new Refusal('HOLDFAST_UNKNOWN_LEVEL', { level }))
      : Promise.resolve({
          vm: vmUuid(vm),
          name: 'web',
          from: 'redirect',
          to: 'restart',
          secondary: 'h2',
          needsHalt: vm === DB,
          steps: [
            {
              step: 'Stop watching the paths of web',
              reason: 'Level restart does not replace a failed disk or network card under the running VM.',
            },
            { step: 'Record level restart', reason: 'So that every host and a restarted daemon know it.' },
          ],
        }),
  protect: ({ vm }) => Promise.resolve({ vm: vmUuid(vm), level: 'redirect', secondary: 'h2', state: 'copying' }),
  unprotect: ({ vm }) =>
    vm === WEB
      ? Promise.resolve({ vm: WEB, level: 'unprotected' })
      : Promise.reject(new Refusal('HOLDFAST_NOT_PROTECTED', { vm })),
  timeline: ({ vm, limit }) =>
    Promise.resolve({
      entries: [
        {
          at: '2026-03-01T10:15:02.120Z',
          host: H1,
          vm: null,
          act: 'host-suspected',
          rule: 'silent-on-all-links',
          text: 'Host h2 was suspected: it was silent on every link.',
          evidence: { management: 640, alink0: 611 },
        },
        {
          at: '2026-03-01T10:15:02.480Z',
          host: H1,
          vm: WEB,
          act: 'replica-left-claim',
          rule: 'peer-did-not-answer',
          text: 'The copy on h2 no longer counts, so that the guest may go on writing with one.',
          evidence: { term: 3, waitedMs: 980, volume: 'dddddddd-0001-4000-8000-000000000001' },
        },
      ]
        .filter((entry) => vm === undefined || entry.vm === vm)
        .slice(-(limit ?? 50)),
    }),
}

/** A comparison that is halfway at the first look and over at the second. */
function comparing(found: Partial<VerifyReport>): Handlers<DaemonApi> {
  const begun: VerifyReport = {
    ...{ state: 'running', why: '', doneBytes: 4 * GIB, totalBytes: 8 * GIB, bytesPerSecond: GIB, etaSeconds: 4 },
    ...{ differingBytes: 0, ranges: [], repaired: false, seconds: 4 },
  }
  const over: VerifyReport = { ...begun, state: 'done', doneBytes: 8 * GIB, etaSeconds: null, seconds: 8, ...found }
  const looks = [begun, over]
  return {
    ...healthy,
    status: (ask) => {
      const verify = ask.vm === undefined ? null : ((looks.length > 1 ? looks.shift() : looks[0]) ?? null)
      return answer(status({ ...web, disks: [{ ...disk(), verify }] }, db))(ask)
    },
    verify: ({ vm }) =>
      vm === WEB ? Promise.resolve({ vm: WEB }) : Promise.reject(new Refusal('HOLDFAST_NOT_PROTECTED', { vm })),
  }
}
/** A move that is told in three looks, and ends as it is given. */
function movingTo(end: Pick<MoveProgress, 'state' | 'text'>): Handlers<DaemonApi> {
  const looks: Pick<MoveProgress, 'state' | 'text'>[] = [
    { state: 'under-way', text: 'it shuts down' },
    { state: 'under-way', text: 'it shuts down' },
    { state: 'under-way', text: 'it is halted, and its claim changes hands' },
  ]
  return {
    ...healthy,
    move: ({ vm, to, plan }) => {
      const refused = { vm: 'web', host: to, reason: 'The replica there is not up-to-date', todo: 'Wait.' }
      if (to === 'h3') return Promise.reject(new Refusal('HOLDFAST_MOVE_REFUSED', refused))
      const steps = [{ step: `hand the claim over to ${to}`, reason: 'its replica of every disk is up-to-date' }]
      const state = to === 'h1' ? 'nothing' : plan === true ? 'planned' : 'begun'
      return Promise.resolve({ vm: vmUuid(vm), name: 'web', from: 'h1', to, steps: to === 'h1' ? [] : steps, state })
    },
    moving: () => Promise.resolve({ vm: WEB, ...(looks.shift() ?? end) }),
  }
}

const DIFFERING = {
  differingBytes: 131_072,
  ranges: [
    { offset: 65_536, length: 65_536 },
    { offset: 4 * GIB, length: 65_536 },
  ],
}

const silent: FenceReport = {
  ...{ host: H2, name: 'h2', state: 'suspected', asked: ['h3'], heardBy: [], power: null, hasPower: false, proof: null },
  ...{ against: null, why: '', todo: '', confirmed: null, passedOn: [] },
}
const heardByThird: FenceReport = {
  ...{ ...silent, heardBy: ['h3'], power: 'unknown', hasPower: true, against: 'seen-by-others' },
  ...objectionWords('seen-by-others', 'h2', ['h3']),
}
const fencing = (report: FenceReport): Handlers<DaemonApi> => ({
  ...healthy,
  fence: ({ confirm, who = '' }) => {
    const { name, against, why, todo } = report
    if (confirm !== true) return Promise.resolve(report)
    if (against !== null) return Promise.reject(new Refusal('HOLDFAST_FENCE_REFUSED', { host: name, reason: why, todo }))
    const passedOn = [
      { host: 'h3', recorded: true, why: '' },
      { host: 'h4', recorded: false, why: 'It is still heard by h3.' },
    ]
    const at = '2026-03-01T10:15:02.120Z'
    return Promise.resolve({ ...report, proof: 'operator', confirmed: { who: who === '' ? '' : 'root', at }, passedOn })
  },
})

const promoting = (rule: string): Handlers<DaemonApi> => ({
  ...healthy,
  promote: ({ acceptLoss }) =>
    rule === 'loss-accepted' && acceptLoss !== true
      ? Promise.reject(
          new Refusal('HOLDFAST_PROMOTE_REFUSED', {
            ...{ vm: 'web', host: 'h1', reason: 'Its replica lacks writes that the guest was told are kept; h2 has them.' },
            todo: 'Bring h2 back. If it is lost for good, and so are they: holdfast promote web --accept-loss',
          }),
        )
      : Promise.resolve({ vm: WEB, name: 'web', host: 'h1', term: 4, rule }),
})

export const POOLS: Readonly<Record<string, () => Handlers<DaemonApi>>> = {
  healthy: () => healthy,
  lossy: () => promoting('loss-accepted'),
  fenced: () => promoting('holder-fenced'),
  silent: () => fencing(silent),
  'heard-by-third': () => fencing(heardByThird),
  empty: () => ({ ...healthy, status: answer(status()), timeline: () => Promise.resolve({ entries: [] }) }),
  copying: () => ({ ...healthy, status: answer(status(copyingAt(3 * GIB), db)) }),
  advancing: () => ({ ...healthy, status: advancing() }),
  equal: () => comparing({}),
  moves: () => movingTo({ state: 'moved', text: 'web was moved and runs on h2.' }),
  'moves-not': () => movingTo({ state: 'failed', text: 'web was not moved to h2: the guest did not shut down.' }),
  differing: () => comparing(DIFFERING),
  repaired: () => comparing({ ...DIFFERING, repaired: true }),
  interrupted: () => comparing({ state: 'stopped', why: 'one of them was lost while they were compared', doneBytes: 5 * GIB }),
  degraded: () => ({ ...healthy, status: answer(degraded) }),
  twins: () => ({ ...healthy, status: answer(status(web, { ...db, name: 'web' })) }),
  lockstep: () => lockstepPool(healthy, web, 'kept'),
  'lockstep-lost': () => lockstepPool(healthy, web, 'lost'),
  'lockstep-entering': () => lockstepPool(healthy, web, 'entering'),
  'lockstep-halted': () => lockstepPool(healthy, web, 'halted'),
  split: () => splitPool(healthy),
  together: () => splitPool(healthy, 'none'),
  apart: () => splitPool(healthy, 'unknown'),
  broken: () => ({ ...healthy, status: () => Promise.reject(new RangeError('no such row')) }),
}
