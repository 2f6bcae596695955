import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import type { VmStatus } from '../../wire/daemon-api'
import type { LockstepReport } from '../../wire/lockstep'
import { isRedundant, oneLine, statusOn } from '../demo/operator'
import { until } from '../demo/stage'
import type { Lab } from '../rack/lab'
import type { CountRun } from './count-run'

/** A VM that counts for a client, and is to be in lockstep. */
export interface LockstepScene {
  readonly lab: Lab
  readonly vm: string
  readonly name: string
  readonly counter: CountRun
  /** Told to whoever watches. */
  readonly say: (text: string) => void
  /** Called again and again while something is waited for; throws when a promise is broken. */
  readonly look: () => void
}

const LOCKSTEP_LIMIT_MS = 180_000
/** Each look is a process on a host, and slows down what it waits for. */
const LOOK_EVERY_MS = 700

export const lockstepOf = ({ lockstep }: VmStatus): LockstepReport | null => lockstep ?? null

/** It would go on from its memory if its host were lost now. */
export const isInLockstep = (status: VmStatus): boolean => isRedundant(status) && lockstepOf(status)?.isKept === true

/** As an operator does it; resolves when `--wait` does. */
export async function protectInLockstep(scene: LockstepScene, host: string): Promise<void> {
  const words = ['protect', scene.name, '--level', 'lockstep', '--wait']
  scene.say(`${host}$ holdfast ${words.join(' ')}`)
  const child = await scene.lab.spawnIn(host, ['/usr/local/sbin/holdfast', ...words], ['ignore', 'pipe', 'pipe'])
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) throw new Error('a command without output')
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      scene.say(line)
    })
  }
  const exit = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (exit !== 0) throw new Error(`the VM was not protected: ${lines.join(' ')}`)
}

/** Until that host's operator reads that the VM is in lockstep; each other state is told once. */
export async function untilLockstep(scene: LockstepScene, host: string, limitMs = LOCKSTEP_LIMIT_MS): Promise<VmStatus> {
  let told = ''
  const seen: VmStatus[] = []
  try {
    await until(`${scene.name} is in lockstep`, limitMs, async () => {
      scene.look()
      await pause(LOOK_EVERY_MS)
      const status = await statusOn(scene.lab, host, scene.vm)
      const line = status === null ? '' : lockstepLine(status)
      if (line !== told && line !== '') scene.say(line)
      told = line
      if (status === null || !isInLockstep(status)) return false
      seen.push(status)
      return true
    })
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : String(error)}; the last status: ${told}`, { cause: error })
  }
  const [found] = seen
  if (found === undefined) throw new Error('no status')
  return found
}

export function lockstepLine(status: VmStatus): string {
  const lockstep = lockstepOf(status)
  if (lockstep === null) return oneLine(status)
  const why = lockstep.why === '' || status.reason.includes(lockstep.why) ? '' : ` (${lockstep.why})`
  return `${oneLine(status)}; lockstep: ${lockstep.isKept ? 'kept' : lockstep.state}${why}`
}
