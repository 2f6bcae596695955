import { randomInt } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { RUN_LIMIT } from '../../core/domain/guest-memory'
import type { Capturable } from '../../ports/capture'
import type { CheckpointPort } from '../../ports/checkpoints'
import type { GuestOutput, GuestOutputEvents } from '../../ports/guest-output'
import { fields, flag } from '../../wire/shape'
import { failure } from '../system/system-error'
import { GuestMonitors } from './guest-monitors'
import { prepareStandby, type StandbyParts } from './prepare-standby'
import { QemuCapture } from './qemu-capture'
import { qemuOutput } from './qemu-output'
import { probeQemu } from './qemu-probe'
import type { QmpSession } from './qmp'

const LIMIT_MS = 5000

/** Guests that are machines of QEMU, with the monitors that Xen's toolstack gives them; `folder` is made when it is needed. */
export function qemuCheckpoints(parts: StandbyParts): CheckpointPort {
  const { folder, host } = parts
  const monitors = new GuestMonitors()
  const monitorOf = (domid: string): Promise<QmpSession | null> => {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return monitors.take(`/var/run/xen/qmp-libxl-${domid}`)
  }

  const openCapture = async (domid: string): Promise<Capturable | null> => {
    const qmp = await monitorOf(domid)
    if (qmp === null) return null
    return orClose(qmp, async () => {
      const found = await probeQemu(qmp)
      if (!found.can) throw failure('ENOTSUP', found.why.join('; '))
      const { memoryBytes, way } = found
      return { capture: await QemuCapture.begin({ qmp, found, folder }), memoryBytes, way }
    })
  }

  const holdOutput = async (domid: string, events: GuestOutputEvents): Promise<GuestOutput | null> => {
    const qmp = await monitorOf(domid)
    if (qmp === null) return null
    return orClose(qmp, async () => {
      const output = await qemuOutput({ qmp, folder })(events)
      return {
        release: (frames) => output.release(frames),
        settled: () => output.settled(),
        end: () => output.end().finally(() => qmp.close()),
      }
    })
  }

  const adopt = async (domid: string): Promise<boolean> => {
    if (!(await runs(await monitorOf(domid)))) {
      await host.end(domid)
      return false
    }
    await host.run(domid)
    return true
  }

  return {
    ...{ openCapture, holdOutput, adopt },
    prepare: async (spec) => {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      return prepareStandby(parts)(spec)
    },
    newRun: () => randomInt(1, RUN_LIMIT),
  }
}

async function orClose<T>(qmp: QmpSession, use: () => Promise<T>): Promise<T> {
  try {
    return await use()
  } catch (error) {
    qmp.close()
    throw error
  }
}

async function runs(qmp: QmpSession | null): Promise<boolean> {
  if (qmp === null) return false
  try {
    return flag(fields(await qmp.execute('query-status', {}, LIMIT_MS), 'status')['running'], 'running')
  } finally {
    qmp.close()
  }
}
