import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monotonicMs } from '../client/record'
import { Interrupted, keepLogs } from '../demo/demo'
import { protectThroughXapi } from '../demo/first-copy'
import type { Screen } from '../demo/screen'
import { makeVm, setStage, startVmOn, until } from '../demo/stage'
import { BadRequest } from '../faults/fault'
import { removeLab } from '../rack/down'
import { labPaths } from '../rack/paths'
import { Dice } from './dice'
import { drawIncident } from './draw'
import { Observer } from './observer'
import { outcomeText } from './report'
import { isKept, Trial, type Outcome } from './trial'

export interface SoakOptions {
  readonly dir: string
  readonly minutes: number
  readonly seed: number
  /** A second witness. */
  readonly alternate: boolean
  readonly screen: Screen
  /** Settles when it is to end early. */
  readonly interrupted: Promise<never>
}

export interface SoakReport {
  readonly seed: number
  readonly seconds: number
  readonly outcomes: readonly Outcome[]
  readonly acknowledged: number
  readonly lost: number
  /** Nothing that is promised was broken. */
  readonly kept: boolean
  /** Folder with the logs of the lab, where something was broken; else empty. */
  readonly logs: string
}

/** The real toolstack's waits would leave little else to see. */
const SHORT_TIMES = { promotionFuseMs: 1000, promotionRestartMs: 300, recoverSlavesMs: 1000 }
const DISK_BYTES = 512 * 1024 * 1024
const BOOT_LIMIT_MS = 60_000

/** One thing after another happens to a protected VM, drawn from the seed, until the time is over or a promise is broken. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const paths = labPaths(options.dir)
  if (existsSync(paths.marker))
    throw new BadRequest(`there is a lab at ${paths.dir} already; end it: holdfast lab down, or choose another --dir`)
  const papers = mkdtempSync(join(tmpdir(), 'holdfast-soak-'))
  let keeps = true
  try {
    const report = await Promise.race([run(options, papers), options.interrupted])
    keeps = !report.kept
    return keeps && keepLogs(paths.dir, papers) ? { ...report, logs: papers } : report
  } catch (error) {
    keeps = !(error instanceof Interrupted) && keepLogs(paths.dir, papers)
    if (keeps) options.screen.line(`the logs of the lab are in ${papers}`)
    throw error
  } finally {
    if (!keeps) rmSync(papers, { recursive: true, force: true })
    await removeLab(paths)
  }
}

async function run({ dir, minutes, seed, alternate, screen }: SoakOptions, papers: string): Promise<SoakReport> {
  screen.headline(`A protected VM for ${minutes} min, seed ${seed}`)
  const onProgress = (doing: string): void => screen.line(doing)
  const stage = await setStage({ dir, times: SHORT_TIMES, alternate, keepOnFailure: true, onProgress })
  const { lab } = stage
  const { vm, vmUuid } = await makeVm(stage, 'orders', DISK_BYTES)
  await startVmOn(stage, vm, 'h2')
  const observer = await Observer.start(lab, papers)
  try {
    await until('the guest answers the client', BOOT_LIMIT_MS, () => Promise.resolve(observer.acknowledged().records > 0))
    await protectThroughXapi(lab, vmUuid, 'h2', screen)
    const trial = new Trial(lab, vmUuid, observer)
    const dice = new Dice(seed)
    const begunMs = monotonicMs()
    const leftMs = (): number => begunMs + minutes * 60_000 - monotonicMs()
    let holder = 'h2'
    while (leftMs() > 0 && trial.outcomes.every(isKept)) {
      const incident = drawIncident(dice, { holder, other: holder === 'h1' ? 'h2' : 'h1', alternate })
      const outcome = await trial.live(incident)
      screen.line(`${outcomeText(outcome)}; ${Math.max(0, Math.ceil(leftMs() / 60_000))} min left`)
      holder = outcome.to === '' ? holder : outcome.to
    }
    const kept = trial.outcomes.every(isKept)
    const { acknowledged, lost } = kept ? await trial.readAllBack() : { acknowledged: observer.records, lost: 0 }
    const seconds = (monotonicMs() - begunMs) / 1000
    return { seed, seconds, outcomes: trial.outcomes, acknowledged, lost, kept: kept && lost === 0, logs: '' }
  } finally {
    await observer.stop()
  }
}
