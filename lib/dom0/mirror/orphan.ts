import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../core/domain/errors'
import type { WorkerApi } from '../../wire/worker-api'
import { askSocket } from '../api/daemon-client'
import { codeOf } from '../system/system-error'

const ASK_LIMIT_MS = 2000
const GONE_LIMIT_MS = 10_000
const LOOK_EVERY_MS = 20
/** What a socket without a process says, and one whose process is just ending. */
const GONE = ['ENOENT', 'ECONNREFUSED']
const GOING = ['ECONNRESET', 'EPIPE']

/** Ends a worker whose supervisor is gone. Resolves when nobody answers on the socket; rejects with Refusal when it will not end. */
export async function endOrphan(controlSocket: string): Promise<void> {
  const giveUpAtMs = performance.now() + GONE_LIMIT_MS
  for (;;) {
    try {
      await askSocket<WorkerApi, 'stop'>('stop', {}, { socket: controlSocket, limitMs: ASK_LIMIT_MS })
    } catch (error) {
      if (GONE.includes(codeOf(error))) return
      if (!GOING.includes(codeOf(error)) && !(error instanceof Refusal)) throw error
    }
    if (performance.now() > giveUpAtMs)
      throw new Refusal('HOLDFAST_TIMED_OUT', {
        seconds: GONE_LIMIT_MS / 1000,
        reason: 'An old worker of this folder does not end.',
      })
    await sleep(LOOK_EVERY_MS)
  }
}
