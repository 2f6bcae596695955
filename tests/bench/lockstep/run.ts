import { thisMachine, type Machine } from '../machine'
import { spread } from '../mirror/statistics'
import { counting, cpuJob, diskJob, requests, type Counted, type Requests } from './load'
import type { EpochsSeen, LockstepSubject, Resumed } from './subject'

export interface LockstepPlan {
  /** Milliseconds; side by side with a guest that is not protected. */
  readonly epochs: readonly number[]
  readonly connections: readonly number[]
  readonly rounds: number
  readonly seconds: number
}

/** In one level, in one round. */
export interface LockstepMeasured {
  readonly epochMs: number | null
  readonly requests: readonly (Requests & { readonly connections: number; readonly epochs: EpochsSeen | null })[]
  readonly cpuMs: number
  readonly diskMs: number | null
}

export interface LockstepFailover extends Resumed, Counted {
  readonly epochMs: number
}

export interface LockstepFigures {
  readonly machine: Machine
  readonly subject: string
  readonly plan: LockstepPlan
  readonly rounds: readonly (readonly LockstepMeasured[])[]
  readonly failover: LockstepFailover
}

/** The job is to take so long in a guest that is not protected: many epochs. */
const JOB_MS = 3000
const FIRST_TURNS = 500_000
const FAILOVER_EPOCH_MS = 50

/** All levels in turn, in an order that rotates, on one guest; in the end its host is lost. */
export async function measureLockstep(
  subject: LockstepSubject,
  plan: LockstepPlan,
  say: (text: string) => void,
): Promise<LockstepFigures> {
  const turns = Math.round((FIRST_TURNS * JOB_MS) / (await cpuJob(subject, FIRST_TURNS)))
  const levels = [null, ...plan.epochs]
  const rounds: LockstepMeasured[][] = []
  for (let round = 0; round < plan.rounds; round++) {
    const measured = new Map<number | null, LockstepMeasured>()
    for (const epochMs of [...levels.slice(round % levels.length), ...levels.slice(0, round % levels.length)]) {
      say(`round ${round + 1}: ${epochMs === null ? 'unprotected' : `epochs of ${epochMs} ms`}`)
      await subject.dial(epochMs)
      measured.set(epochMs, await measureLevel(subject, plan, epochMs, turns))
    }
    rounds.push(levels.flatMap((epochMs) => measured.get(epochMs) ?? []))
  }
  say('its host is lost')
  return { machine: await thisMachine(), subject: subject.description, plan, rounds, failover: await failOver(subject) }
}

async function measureLevel(
  subject: LockstepSubject,
  { connections, seconds }: LockstepPlan,
  epochMs: number | null,
  turns: number,
): Promise<LockstepMeasured> {
  const found: LockstepMeasured['requests'][number][] = []
  for (const count of connections) {
    const each = await requests(subject, count, seconds * 1000)
    found.push({ ...each, connections: count, epochs: epochMs === null ? null : await subject.epochs() })
  }
  const cpuMs = spread([await cpuJob(subject, turns), await cpuJob(subject, turns)]).median
  return { epochMs, requests: found, cpuMs, diskMs: subject.hasDisk ? await diskJob(subject) : null }
}

async function failOver(subject: LockstepSubject): Promise<LockstepFailover> {
  await subject.dial(FAILOVER_EPOCH_MS)
  const counted = await counting(subject)
  // Some answers before, and some after: a request takes an epoch or two.
  await cpuJob(subject, 1)
  const resumed = await subject.loseHost()
  for (let n = 0; n < 20; n++) await cpuJob(subject, 1)
  return { epochMs: FAILOVER_EPOCH_MS, ...resumed, ...(await counted()) }
}
