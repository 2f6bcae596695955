import type { TimelineEntry } from '../../core/domain/timeline'
import type { CounterVerdict } from '../client/counter'
import { monotonicMs } from '../client/record'
import { type DemoOptions, inLabOfItsOwn } from '../demo/demo'
import { timelineOn } from '../demo/operator'
import { timelineText } from '../demo/report'
import type { Screen } from '../demo/screen'
import type { CountRun } from './count-run'
import { killInLockstep, type KillOutcome } from './kill'
import { areKept, killTable, promisesText } from './report'
import { protectInLockstep, untilLockstep } from './scene'
import { standLockstep } from './stand'

export interface LockstepDemoReport {
  readonly kills: readonly KillOutcome[]
  readonly verdict: CounterVerdict
  readonly timeline: readonly TimelineEntry[]
  readonly kept: boolean
  readonly seconds: number
}

/** A host dies, and the guest does not notice; then the other one. */
export const demonstrateLockstep = (options: DemoOptions): Promise<LockstepDemoReport> =>
  inLabOfItsOwn(options, (papers) => play(options, papers))

async function play({ dir, screen }: DemoOptions, papers: string): Promise<LockstepDemoReport> {
  const begunWallMs = Date.now()
  screen.headline('A pool of two hosts and a witness')
  const scene = await standLockstep({ dir, papers, say: (text) => screen.line(text), look: ticker(screen) })
  const { lab, counter, vm, name } = scene
  screen.line(
    `${name} runs on h2; a client counts over one connection, keeps another one idle, and has records written on the disk`,
  )
  screen.headline(`${name} is protected at level lockstep`)
  await protectInLockstep(scene, 'h1')
  await untilLockstep(scene, 'h2')
  const kills: KillOutcome[] = []
  screen.headline('kill -9 of everything on h2, where orders runs; h1 is the coordinator')
  kills.push(await killInLockstep(scene, 'h2', 'h1'))
  screen.headline('The same of h1, the coordinator, where orders runs now')
  kills.push(await killInLockstep(scene, 'h1', 'h2'))

  screen.headline('Everything is read back, over the same connections')
  const timeline = (await timelineOn(lab, 'h2')).filter((entry) => entry.vm === vm || entry.vm === null)
  const verdict = await counter.end()
  screen.line(`the counter was ${verdict.counted}; ${verdict.stored} texts and ${verdict.written} records were acknowledged`)
  screen.headline('What the daemons did, and by which rule')
  const names = new Map([...lab.hosts.map((host) => [host.uuid, host.name] as const), [vm, name]])
  screen.block(timelineText(timeline, begunWallMs, names))
  screen.headline('Every kill')
  screen.block(killTable(kills))
  screen.block(promisesText(kills, verdict))
  screen.block(`seconds: ${Math.round(screen.elapsedMs / 1000)}`)
  return { kills, verdict, timeline, kept: areKept(kills, verdict), seconds: screen.elapsedMs / 1000 }
}

const TICK_MS = 1000

/** Tells once a second, while something is waited for, how far the client has counted. */
function ticker(screen: Screen): (counter: CountRun) => void {
  let nextMs = 0
  let before = 0
  return (counter) => {
    if (monotonicMs() < nextMs) return
    nextMs = monotonicMs() + TICK_MS
    const answers = counter.answers()
    const last = answers.at(-1)
    if (last === undefined) return
    screen.line(`counter ${last.n}  (+${answers.length - before}, the last answer ${Math.round(monotonicMs() - last.at)} ms ago)`)
    before = answers.length
  }
}
