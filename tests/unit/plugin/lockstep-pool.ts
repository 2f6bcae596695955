import type { Handlers } from '../../../lib/dom0/api/api-answer'
import { vmUuid } from '../../../lib/core/domain/ids'
import type { DaemonApi, VmStatus } from '../../../lib/wire/daemon-api'
import type { LockstepMeasure, LockstepReport } from '../../../lib/wire/lockstep'

const KEPT: LockstepReport = {
  ...{ isKept: true, state: 'lockstep', why: '', epochsConfirmed: 48_211, pauseMedianMs: 6.42, pauseP99Ms: 21.7 },
  ...{ bytesPerEpoch: 1_258_291, outputDelayMedianMs: 31.2, outputDelayP99Ms: 88, heldBytes: 12_288 },
}
const UNKNOWN = { pauseMedianMs: null, pauseP99Ms: null, bytesPerEpoch: null, outputDelayMedianMs: null, outputDelayP99Ms: null }
const MEASURE: LockstepMeasure = {
  ...{ can: true, memoryBytes: 134_217_728, way: 'devices', changedBytesPerEpoch: 1_258_291, bytesPerSecond: 25_165_824 },
  ...{ pauseMs: 6.4, outputDelayMs: 31.2 },
}
const WHY = 'the standby ended: QEMU on h2 does not answer'

/** `web` of another pool, dialled to lockstep; `now`: whether it is there. */
export function lockstepPool(
  healthy: Handlers<DaemonApi>,
  web: VmStatus,
  now: 'kept' | 'lost' | 'entering' | 'halted',
): Handlers<DaemonApi> {
  const dialled = { ...web, level: 'lockstep' } as const
  const lost: LockstepReport = { ...KEPT, isKept: false, state: 'alone', why: WHY }
  const entering: LockstepReport = { ...lost, ...UNKNOWN, state: 'seeding', why: '', epochsConfirmed: 0, heldBytes: 0 }
  const vm: VmStatus = {
    kept: { ...dialled, lockstep: KEPT },
    lost: {
      ...{ ...dialled, health: 'degraded' as const, lockstep: lost },
      reason: `it is not in lockstep, and at redirect until it is: ${WHY}`,
    },
    entering: {
      ...{ ...dialled, health: 'syncing' as const, lockstep: entering },
      reason: 'its memory is being copied to its secondary',
    },
    halted: { ...dialled, powerState: 'Halted', residentOn: null, lockstep: null },
  }[now]
  return {
    ...healthy,
    status: async (ask) => ({ ...(await healthy.status({})), vms: ask.vm === undefined || ask.vm === vm.vm ? [vm] : [] }),
    plan: (ask) =>
      Promise.resolve({
        ...{ vm: vmUuid(ask.vm), name: 'web', from: 'redirect', to: 'lockstep', secondary: 'h2', needsHalt: false },
        steps: [{ step: 'keep a waiting copy (128 MiB) on h2', reason: 'the guest goes on there from its memory.' }],
        forecast: now === 'halted' ? null : MEASURE,
      }),
  }
}
