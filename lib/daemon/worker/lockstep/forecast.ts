import { PACING } from '../../../core/checkpoint/pacing'
import type { Capture } from '../../../ports/capture'
import type { CheckpointPort } from '../../../ports/checkpoints'
import type { Clock } from '../../../ports/clock'
import type { Timers } from '../../../ports/timers'
import type { LockstepForecast } from '../../../wire/lockstep'
import { errorText } from './error-text'
import { PART_LIMITS } from './epoch-parts'

const LOOKS = 7
/** What a pause holds beside the look: the guest is stopped, its devices are saved, it goes on. A few times what a quiet machine takes. */
const AROUND_THE_LOOK_MS = 5
/** Of its devices and processors. */
const STATE_BYTES = 32 * 1024

interface Parts {
  readonly clock: Clock
  readonly timers: Timers
  readonly checkpoints: CheckpointPort
}

/** `domid` null: no guest runs. */
export async function forecast(parts: Parts, domid: string | null): Promise<LockstepForecast> {
  try {
    const machine = domid === null ? null : await parts.checkpoints.openCapture(domid)
    if (machine === null) return { can: false, why: ['it does not run'] }
    const { capture, memoryBytes, way } = machine
    try {
      const { bytes, lookMs } = await looked(parts, capture)
      const pauseMs = lookMs + AROUND_THE_LOOK_MS
      const changedBytesPerEpoch = bytes + STATE_BYTES
      const epochMs = PACING.intervalMaxMs + pauseMs
      return {
        ...{ can: true, memoryBytes, way, changedBytesPerEpoch, pauseMs },
        bytesPerSecond: Math.round((changedBytesPerEpoch * 1000) / epochMs),
        outputDelayMs: PACING.intervalMinMs / 2 + pauseMs,
      }
    } finally {
      await capture.end()
    }
  } catch (error) {
    return { can: false, why: errorText(error).split('; ') }
  }
}

/** In the median of some looks, an epoch apart; the first one finds everything. */
async function looked({ clock, timers }: Parts, capture: Capture): Promise<{ bytes: number; lookMs: number }> {
  const into = Buffer.allocUnsafeSlow(PART_LIMITS.lookBytes)
  const found: { bytes: number; lookMs: number }[] = []
  for (let look = 0; look <= LOOKS; look++) {
    if (look > 0) await timers.pause(PACING.intervalMaxMs)
    const atMs = clock.nowMs()
    const bytes = await lookAtAll(capture, into)
    if (look > 0) found.push({ bytes, lookMs: clock.nowMs() - atMs })
  }
  const middle = (of: 'bytes' | 'lookMs'): number => found.map((each) => each[of]).sort((a, b) => a - b)[LOOKS >> 1] ?? 0
  return { bytes: middle('bytes'), lookMs: middle('lookMs') }
}

async function lookAtAll(capture: Capture, into: Buffer): Promise<number> {
  let bytes = 0
  for (let pages = await capture.look(into); ; pages = await capture.look(into, pages.rest)) {
    for (const part of pages.parts) bytes += part.bytes.length
    if (pages.rest.length === 0) return bytes
  }
}
