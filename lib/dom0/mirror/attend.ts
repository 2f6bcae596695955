import { setTimeout as sleep } from 'node:timers/promises'
import { Refusal } from '../../core/domain/errors'
import { DOM0, type VolumeKey } from '../../core/domain/ids'
import type { Log } from '../../ports/log'
import type { WorkerApi, WorkerRole, WorkerStatus } from '../../wire/worker-api'
import { DaemonBug } from '../api/api-exchange'
import { askSocket } from '../api/daemon-client'
import { codeOf } from '../system/system-error'

export interface Attended {
  readonly controlSocket: string
  readonly volume: VolumeKey
  readonly log: Log
  /** Told with each look that finds the worker in its role. */
  readonly seen: (role: WorkerRole) => void
  /** Whether it was since the worker's start. */
  readonly isUp: () => boolean
  readonly until: AbortSignal
}

/** While the worker looks for its role, and when it has one. */
const LOOK_SOON_MS = 50
const LOOK_LATER_MS = 500
const ASK_LIMIT_MS = 2000

/** Serves the disk whenever this side holds the claim, as a daemon does it for a guest that starts. */
export async function attendWorker({ controlSocket, volume, log, seen, isUp, until }: Attended): Promise<void> {
  const ask = <F extends keyof WorkerApi>(fn: F, body: WorkerApi[F]['ask']): Promise<WorkerApi[F]['answer'] | null> =>
    unlessAway(askSocket<WorkerApi, F>(fn, body, { socket: controlSocket, limitMs: ASK_LIMIT_MS }))
  const serve = async (): Promise<boolean> => {
    try {
      const attached = await ask('attach', { volume, domain: DOM0 })
      await ask('activate', { volume, domain: DOM0 })
      return attached !== null
    } catch (error) {
      if (!(error instanceof DaemonBug)) throw error
      if (error.message !== trouble) log.error('the disk cannot be served yet', { error: error.message })
      trouble = error.message
      return false
    }
  }
  let trouble = ''
  let said = ''
  while (!until.aborted) {
    const status = await ask('status', {})
    const state = status === null ? 'starting' : stateOf(status)
    if (state === 'to-be-served' && (await serve())) continue
    if (state !== said) log.info(SAYS[state], { term: status?.claim?.claim.term ?? null })
    said = state
    if (state === 'secondary' || state === 'primary' || state === 'solo') seen(state)
    await sleep(isUp() ? LOOK_LATER_MS : LOOK_SOON_MS, undefined, { signal: until }).catch(() => undefined)
  }
}

type State = 'starting' | 'waiting' | 'to-be-served' | WorkerRole

const SAYS: Readonly<Record<State, string>> = {
  starting: 'the worker starts',
  waiting: 'waiting for the witness to tell who holds the claim',
  'to-be-served': 'the disk is about to be served',
  secondary: 'secondary: the other side serves the disk',
  primary: 'primary: the disk is served here',
  solo: 'a mirror of one: the disk is served',
}

function stateOf({ role, claim, volumes }: WorkerStatus): State {
  if (role === 'secondary') return claim === null ? 'waiting' : 'secondary'
  return volumes.some(({ attachedTo }) => attachedTo === null) ? 'to-be-served' : role
}

/** Null when the worker is not there, did not answer in time, or has become the other side meanwhile. */
async function unlessAway<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Refusal || codeOf(error) !== '') return null
    throw error
  }
}
