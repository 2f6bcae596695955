import { setTimeout as sleep } from 'node:timers/promises'
import { machineCpu } from '../proc-files'
import type { Measured } from './measure'

/** Of one core: more than this, and the figures would be of the machine's other work. */
const DISTURBANCE_MAX = 0.1
const LOOK_MS = 300
/** Waits for a quiet machine and measures again what was disturbed, as long as its patience lasts. */
export class Quiet {
  #patienceMs: number

  /** @param patienceMs for a whole run; on a machine that is never quiet the report tells how much else it did */
  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs
  }

  async measure(attempt: () => Promise<Measured>): Promise<Measured> {
    const attempts: Measured[] = []
    for (;;) {
      await this.#patiently(() => untilQuiet(this.#patienceMs))
      await this.#patiently(async () => {
        const measured = await attempt()
        attempts.push(measured)
        return measured.disturbance <= DISTURBANCE_MAX
      })
      const best = attempts.reduce((one, other) => (other.disturbance < one.disturbance ? other : one))
      if (best.disturbance <= DISTURBANCE_MAX || this.#patienceMs <= 0) return best
    }
  }

  /** What did not help is time lost. */
  async #patiently(helps: () => Promise<boolean>): Promise<void> {
    const begunMs = performance.now()
    if (!(await helps())) this.#patienceMs -= performance.now() - begunMs
  }
}

async function untilQuiet(limitMs: number): Promise<boolean> {
  const begunMs = performance.now()
  for (let looked = 0; performance.now() - begunMs < limitMs; looked++) {
    if ((await share(LOOK_MS)) <= DISTURBANCE_MAX) return looked === 0
  }
  return false
}

async function share(ms: number): Promise<number> {
  const begunMs = performance.now()
  const before = machineCpu()
  await sleep(ms)
  const after = machineCpu()
  const usedSeconds = after.userSeconds - before.userSeconds + after.stolenSeconds - before.stolenSeconds
  return usedSeconds / ((performance.now() - begunMs) / 1000)
}
