import { Refusal } from '../../../lib/core/domain/errors'
import { hostUuid, vmUuid, volumeKey, type HostUuid } from '../../../lib/core/domain/ids'
import type { PowerState } from '../../../lib/core/domain/inventory'
import type { Situation } from '../../../lib/core/policy/protection'
import type { Fleet } from '../../../lib/daemon/host/fleet'
import { forecastHere, measured } from '../../../lib/daemon/host/lockstep/forecast'
import { lacksHere, withStandbys } from '../../../lib/daemon/host/lockstep/standby-room'
import type { HostParts } from '../../../lib/daemon/host/parts'
import { XapiFailure } from '../../../lib/ports/xapi'
import type { LockstepForecast } from '../../../lib/wire/lockstep'
import { recordingLog } from '../dom0/small-daemon'

const [HERE, THERE, OLD, DEAD] = [1, 2, 3, 4].map((n) => hostUuid(`00000000-0000-4000-8000-00000000000${n}`)) as [
  HostUuid,
  HostUuid,
  HostUuid,
  HostUuid,
]
const VM = vmUuid('00000000-0000-4000-8000-0000000000aa')
const KEY = volumeKey('00000000-0000-4000-8000-0000000000d1')
const can: LockstepForecast = {
  ...{ can: true, memoryBytes: 1, way: 'devices', changedBytesPerEpoch: 2, bytesPerSecond: 3, pauseMs: 4, outputDelayMs: 5 },
}

function partsOf(
  powerState: PowerState = 'Running',
  lacks: () => Promise<string | null> = () => Promise.resolve(null),
): HostParts {
  return {
    ...{ host: HERE, config: { hosts: {} }, log: recordingLog(), standbys: { lacks } },
    xapi: {
      inventory: () => ({ vms: [{ uuid: VM, name: 'web', powerState, disks: [{ location: KEY }] }] }),
      call: (_: string, [host]: readonly { uuid: HostUuid }[]) =>
        host?.uuid === THERE
          ? Promise.reject(new XapiFailure('xapi-silent', 'host.compute_free_memory', 'DEADLINE'))
          : Promise.resolve('1024'),
    },
    askPeer: (host: HostUuid, fn: string) =>
      host === OLD
        ? Promise.reject(new Refusal('HOLDFAST_BAD_REQUEST', { reason: 'There is no function "lockstep-lacks".' }))
        : Promise.resolve(fn === 'lockstep-lacks' ? { lacks: 'it is a stock host' } : { can: false, why: ['one', 'two'] }),
  } as unknown as HostParts
}

test('every host that answers is asked what it lacks, and XAPI for its memory; silence counts as lacking', async () => {
  const situation = {
    inventory: { hosts: [HERE, THERE, OLD, DEAD].map((uuid) => ({ uuid })) },
    suspected: new Set([DEAD]),
  } as unknown as Situation
  const { standbys } = await withStandbys(partsOf(), situation)
  expect([...standbys.keys()]).toEqual([HERE, THERE, OLD])
  expect(standbys.get(HERE)).toEqual({ lacks: null, freeBytes: 1024 })
  expect(standbys.get(THERE)).toEqual({ lacks: 'it is a stock host', freeBytes: null })
  expect(standbys.get(OLD)?.lacks).toMatch(/^it does not tell whether it can keep a waiting copy \(.*no function/)
})

test('a host whose toolstack fails lacks something, in its own words', async () => {
  const failing = (): Promise<string | null> => Promise.reject(new Error('holdfast-standby list: xapi is down'))
  expect(await lacksHere(partsOf('Running', failing))).toBe(
    'it does not tell whether it can keep a waiting copy (holdfast-standby list: xapi is down)',
  )
})

describe('a guest is measured', () => {
  const fleetOf = (id: string | null): Fleet & { asked: string[] } => {
    const specs = id === null ? [] : [{ id, volumes: [{ key: KEY }] }]
    const asked: string[] = []
    return {
      ...{ asked, specs: () => specs, specOf: (of: string) => specs.find((spec) => spec.id === of) },
      ask: (of: string) => {
        asked.push(of)
        return Promise.resolve(can)
      },
    } as unknown as Fleet & { asked: string[] }
  }

  test.each<[string, PowerState, string | null, LockstepForecast | null]>([
    ['by the worker of its VM', 'Running', VM, can],
    ['by the worker of its unprotected disk', 'Running', KEY, can],
    ['by nobody where its disks are not', 'Running', null, null],
    ['not while it is halted', 'Halted', VM, null],
    ['not while it is paused', 'Paused', VM, null],
  ])('%s', async (_, powerState, worker, forecast) => {
    const fleet = fleetOf(worker)
    expect(await forecastHere(partsOf(powerState), fleet, VM)).toEqual(forecast)
    expect(fleet.asked).toEqual(forecast === null ? [] : [worker])
  })

  test('where it runs; and one that cannot be checkpointed is refused with all its reasons', async () => {
    expect(await measured(partsOf(), fleetOf(VM), VM, HERE)).toEqual(can)
    expect(await measured(partsOf(), fleetOf(VM), VM, null)).toBeNull()
    await expect(measured(partsOf(), fleetOf(VM), VM, THERE)).rejects.toThrow(/lockstep.*web.*cannot be checkpointed: one; two\./)
  })
})
