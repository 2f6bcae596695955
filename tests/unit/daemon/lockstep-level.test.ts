import { Refusal } from '../../../lib/core/domain/errors'
import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { Level } from '../../../lib/core/domain/level'
import { LockstepLevel } from '../../../lib/daemon/host/lockstep/lockstep-level'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import { Fleet } from '../../../lib/daemon/host/fleet'
import type { HostParts } from '../../../lib/daemon/host/parts'
import type { LockstepReport } from '../../../lib/wire/lockstep'
import type { WorkerApi, WorkerSpec, WorkerStatus } from '../../../lib/wire/worker-api'
import { recordingLog } from '../dom0/small-daemon'

const HOST = hostUuid('00000000-0000-4000-8000-000000000001')
const VM = vmUuid('00000000-0000-4000-8000-0000000000aa')
const KEY = volumeKey('00000000-0000-4000-8000-0000000000d1')
const MIN = 'holdfast-lockstep-interval-min-ms'
const MAX = 'holdfast-lockstep-interval-max-ms'

const report: LockstepReport = {
  ...{ isKept: true, state: 'lockstep', why: '', epochsConfirmed: 3, heldBytes: 0, pauseMedianMs: null, pauseP99Ms: null },
  ...{ bytesPerEpoch: null, outputDelayMedianMs: null, outputDelayP99Ms: null },
}

/** A host with one worker, which remembers what it is told as a real one does. */
class Host {
  spec: WorkerSpec
  level: Level | null = 'lockstep'
  otherConfig: Record<string, string> = {}
  status: WorkerStatus = {
    ...{ id: VM, role: 'primary', claimIsCurrent: true, frozen: false, degraded: '', peerConnected: true },
    ...{ witnessReachable: true, guestActive: true, volumes: [], lockstep: report },
    claim: {
      revision: 1,
      claim: { vm: VM, term: 1, holder: HOST, leaseMs: 1, upToDate: {}, lockstep: { secondary: HOST, run: 1 } },
    },
  }
  readonly told: unknown[] = []
  readonly alerts: unknown[] = []
  answers = true
  /** Looks at the status until it is out of lockstep; null: never. */
  looksToEnd: number | null = 0
  nowMs = 0
  readonly fleet: Fleet
  readonly lockstep: LockstepLevel

  constructor(spec: Partial<WorkerSpec> = {}) {
    this.spec = { id: VM, vm: VM, ...spec } as WorkerSpec
    const parts = {
      ...{ host: HOST, config: { hosts: {} }, log: recordingLog(), clock: { nowMs: () => this.nowMs } },
      timers: {
        pause: (ms: number) => {
          this.nowMs += ms
          return Promise.resolve()
        },
      },
      xapi: {
        inventory: () => ({ vms: [{ uuid: VM, name: 'web', otherConfig: this.otherConfig }] }),
        call: (method: string, args: readonly unknown[]) => {
          this.alerts.push([method, ...args.slice(0, 2)])
          return Promise.resolve('')
        },
      },
      workers: {
        ...{ onExit: () => undefined, list: () => [this.spec] },
        ask: (_: string, fn: keyof WorkerApi, ask: object) => this.#asked(fn, ask),
      },
    } as unknown as HostParts
    const catalogue = { ofVm: () => (this.level === null ? [] : [{ key: KEY, level: this.level }]) } as unknown as Catalogue
    this.fleet = new Fleet(parts, catalogue)
    this.lockstep = new LockstepLevel(parts, catalogue, this.fleet)
  }

  #asked(fn: keyof WorkerApi, ask: object): Promise<unknown> {
    if (!this.answers) return Promise.reject(new Refusal('HOLDFAST_TIMED_OUT', { seconds: 3, reason: 'silent' }))
    if (fn === 'lockstep' && 'wanted' in ask) {
      this.told.push(ask.wanted)
      this.spec = { ...this.spec, lockstep: ask.wanted as WorkerSpec['lockstep'] & object }
      return Promise.resolve(null)
    }
    if (this.looksToEnd !== null && this.looksToEnd-- <= 0) this.status = out(this.status)
    return Promise.resolve(this.status)
  }

  keep(status = this.status): Promise<void> {
    return this.lockstep.keep(VM, status)
  }
}

const withoutReport = (status: WorkerStatus): WorkerStatus => {
  const left = { ...status }
  delete (left as { lockstep?: LockstepReport }).lockstep
  return left
}

const out = ({ claim, ...rest }: WorkerStatus): WorkerStatus => ({
  ...withoutReport({ claim, ...rest }),
  claim: claim === null ? null : { ...claim, claim: { ...claim.claim, lockstep: null } },
})

test('a worker is told once what the catalogue says, on the primary and on the secondary', async () => {
  for (const role of ['primary', 'secondary'] as const) {
    const host = new Host()
    for (let second = 0; second < 3; second += 1) await host.keep({ ...host.status, role })
    expect(host.told).toEqual([{}])
    host.level = 'redirect'
    for (let second = 0; second < 3; second += 1) await host.keep({ ...host.status, role })
    expect(host.told).toEqual([{}, null])
  }
})

test('what the operator sets is told as soon as it is set; nonsense changes nothing', async () => {
  const host = new Host()
  host.otherConfig = { [MIN]: '50' }
  await host.keep()
  host.otherConfig = { [MIN]: '50', [MAX]: '300' }
  await host.keep()
  host.otherConfig = { [MIN]: 'fast', [MAX]: '300' }
  await host.keep()
  host.otherConfig = { [MIN]: '900', [MAX]: '300' }
  await host.keep()
  host.otherConfig = {}
  await host.keep()
  expect(host.told).toEqual([{ intervalMinMs: 50 }, { intervalMinMs: 50, intervalMaxMs: 300 }, {}])
})

test('a level that is no lockstep, or none, is told to nobody; nor is an unprotected volume', async () => {
  for (const level of ['restart', 'redirect', null] as const) {
    const host = new Host()
    host.level = level
    await host.keep()
    expect(host.told).toEqual([])
  }
  const solo = new Host({ vm: null })
  await solo.keep()
  expect(solo.told).toEqual([])
})

test('one that does not answer is told the next time', async () => {
  const host = new Host()
  host.answers = false
  await host.keep()
  host.answers = true
  await host.keep()
  expect(host.told).toEqual([{}])
})

describe('turned down', () => {
  const turnedDown = (): Host => {
    const host = new Host({ lockstep: {} })
    host.level = 'redirect'
    return host
  }

  test('it is waited until the memory does not count any more', async () => {
    const host = turnedDown()
    host.looksToEnd = 7
    await host.lockstep.follow(VM)
    expect(host.told).toEqual([null])
    expect(host.looksToEnd).toBeLessThan(0)
  })

  test('the claim alone keeps it waiting', async () => {
    const host = turnedDown()
    host.status = withoutReport(host.status)
    host.looksToEnd = 4
    await host.lockstep.follow(VM)
    expect(host.looksToEnd).toBeLessThan(0)
  })

  test('it is waited no longer than ten seconds, and that is said', async () => {
    const host = turnedDown()
    host.looksToEnd = null
    await expect(host.lockstep.follow(VM)).rejects.toThrow('web is still leaving lockstep.')
    expect(host.nowMs).toBeGreaterThanOrEqual(10_000)
  })

  test('turned up, nothing is waited for', async () => {
    const host = new Host()
    host.looksToEnd = null
    await host.lockstep.follow(VM)
    expect(host.nowMs).toBe(0)
  })
})

test('lost for some seconds is an alert of the VM, and back is one; not by the secondary, nor without a guest', async () => {
  const host = new Host()
  const lost = { ...host.status, lockstep: { ...report, isKept: false, why: 'no peer' } }
  const look = async (status: WorkerStatus): Promise<void> => {
    await host.keep(status)
    host.nowMs += 3000
  }
  for (const status of [host.status, lost, lost, lost, host.status]) await look(status)
  expect(host.alerts).toEqual([
    ['message.create', 'HOLDFAST_LOCKSTEP_LOST', 3],
    ['message.create', 'HOLDFAST_LOCKSTEP_BACK', 4],
  ])
  for (const change of [{ role: 'secondary' as const }, { guestActive: false }])
    for (let times = 0; times < 90; times += 1) await look({ ...lost, ...change })
  expect(host.alerts).toHaveLength(2)
})
