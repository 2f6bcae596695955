import { setTimeout as pause } from 'node:timers/promises'
import type { CounterVerdict } from '../client/counter'
import { type DemoOptions, inLabOfItsOwn } from '../demo/demo'
import { until } from '../demo/stage'
import { Dice } from '../trial/dice'
import { killInLockstep, type KillOutcome } from './kill'
import { areKept, figuresText, killTable, killText, promisesText } from './report'
import { protectInLockstep, untilLockstep } from './scene'
import { standLockstep } from './stand'

export interface LockstepSoakOptions extends DemoOptions {
  readonly kills: number
  readonly seed: number
}

export interface LockstepSoakReport {
  readonly seed: number
  readonly kills: readonly KillOutcome[]
  readonly verdict: CounterVerdict
  readonly kept: boolean
}

/** The real toolstack's waits would leave little else to see. */
const SHORT_TIMES = { promotionFuseMs: 1000, promotionRestartMs: 300, recoverSlavesMs: 1000 }
/** A kill comes at some moment of this. */
const MOMENT_MS = 2000
const VERIFY_EVERY = 5
const VERIFY_LIMIT_MS = 120_000

/** One host after the other is killed, each time as soon as the VM is in lockstep again, until so many were or a promise is broken. */
export const soakLockstep = (options: LockstepSoakOptions): Promise<LockstepSoakReport> =>
  inLabOfItsOwn(options, (papers) => run(options, papers))

async function run({ dir, screen, kills: count, seed }: LockstepSoakOptions, papers: string): Promise<LockstepSoakReport> {
  screen.headline(`A VM in lockstep, ${count} kills, seed ${seed}`)
  const scene = await standLockstep({ dir, papers, say: () => undefined, times: SHORT_TIMES })
  const { counter } = scene
  await protectInLockstep(scene, 'h1')
  await untilLockstep(scene, 'h2')
  screen.line('the VM is in lockstep')
  const dice = new Dice(seed)
  const kills: KillOutcome[] = []
  try {
    for (const [host, survivor] of alternating(count)) {
      await pause(dice.between(0, MOMENT_MS))
      const outcome = await killInLockstep(scene, host, survivor)
      kills.push(outcome)
      screen.line(`${kills.length}: ${killText(outcome)}`)
      if (kills.length % VERIFY_EVERY === 0) await until('all is read back', VERIFY_LIMIT_MS, asked(counter.askToVerify()))
    }
  } finally {
    screen.block(`\n${killTable(kills)}${figuresText(kills)}`)
  }
  const verdict = await counter.end()
  screen.block(promisesText([], verdict))
  return { seed, kills, verdict, kept: areKept(kills, verdict) }
}

const asked = (isSo: () => boolean) => (): Promise<boolean> => Promise.resolve(isSo())

const alternating = (count: number): (readonly [string, string])[] =>
  Array.from({ length: count }, (_, index) => (index % 2 === 0 ? ['h2', 'h1'] : ['h1', 'h2']))
