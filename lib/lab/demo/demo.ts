import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PATHS } from '../../core/domain/layout'
import type { TimelineEntry } from '../../core/domain/timeline'
import { BadRequest } from '../faults/fault'
import type { Verdict } from '../client/verify'
import { removeLab } from '../rack/down'
import type { Lab } from '../rack/lab'
import { labPaths } from '../rack/paths'
import { ClientRun } from './client-run'
import { failDisk, killHost, type Scene, tellStatus } from './faults'
import { protectThroughXapi } from './first-copy'
import { measure, type Span } from './measure'
import { timelineOn } from './operator'
import { faultTable, type FaultRow, promisesText, timelineText } from './report'
import type { Screen } from './screen'
import { makeVm, setStage, startVmOn, until } from './stage'

export interface DemoOptions {
  readonly dir: string
  /** Leave the lab running. */
  readonly keep: boolean
  readonly screen: Screen
  /** Settles when the demonstration is to end early. */
  readonly interrupted: Promise<never>
}

/** Whoever watches has seen enough. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
}

export interface DemoReport {
  readonly faults: readonly FaultRow[]
  readonly timeline: readonly TimelineEntry[]
  readonly records: Verdict
  readonly seconds: number
}

const DISK_BYTES = 512 * 1024 * 1024
const BOOT_LIMIT_MS = 60_000
/** Promised: VM.start_on is called this long after the kill at the latest. */
const MEMBER_START_MS = 5_000
const COORDINATOR_START_MS = 25_000
const VM = 'orders'

/** The whole demonstration of disks and restarts. */
export const demonstrate = (options: DemoOptions): Promise<DemoReport> =>
  inLabOfItsOwn(options, (papers) => play(options, join(papers, 'journal.jsonl')))

/**
 * The lab is gone when this settles, unless it is kept; on failure its logs are kept and named.
 * @param work gets a folder for what the client writes
 */
export async function inLabOfItsOwn<Report>(options: DemoOptions, work: (papers: string) => Promise<Report>): Promise<Report> {
  const paths = labPaths(options.dir)
  if (existsSync(paths.marker)) {
    throw new BadRequest(`there is a lab at ${paths.dir} already; end it: holdfast lab down, or choose another --dir`)
  }
  const papers = mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
  try {
    const report = await Promise.race([work(papers), options.interrupted])
    rmSync(papers, { recursive: true })
    return report
  } catch (error) {
    if (error instanceof Interrupted) {
      rmSync(papers, { recursive: true })
      throw error
    }
    const kept = keepLogs(paths.dir, papers)
    const what = error instanceof Error ? error.message : String(error)
    throw new Error(`${what}${kept ? `\nThe logs of the lab are in ${papers}` : ''}`, { cause: error })
  } finally {
    if (!options.keep) await removeLab(paths)
  }
}

async function play({ dir, screen }: DemoOptions, journal: string): Promise<DemoReport> {
  const begunWallMs = Date.now()
  screen.headline('A pool of two hosts and a witness')
  const stage = await setStage({ dir, keepOnFailure: true, onProgress: (doing) => screen.line(doing) })
  const { lab } = stage
  const guest = await makeVm(stage, VM, DISK_BYTES)
  const vm = guest.vmUuid
  await startVmOn(stage, guest.vm, 'h2')
  const client = await ClientRun.start(lab, journal)
  await until('redis in the guest answers the client', BOOT_LIMIT_MS, () => Promise.resolve(client.acknowledgedSince(0) > 0))
  screen.line(`${VM} runs on h2; the client writes numbered records and notes every acknowledgement`)
  screen.headline(`${VM} is protected at level redirect`)
  await protectThroughXapi(lab, vm, 'h2', screen)
  const scene: Scene = { lab, vm, client, screen }
  await tellStatus(scene, 'h2')

  const rows: FaultRow[] = []
  let timeline: readonly TimelineEntry[] = []
  const act = async (fault: string, outcome: string, startLimitMs: number | null, work: () => Promise<Span>): Promise<void> => {
    const span = await work()
    timeline = await timelineOn(lab, 'h1')
    rows.push({ fault, outcome, startLimitMs, measured: measure(span, client.acknowledgements(), timeline) })
  }
  screen.headline('The disk of h2, where orders runs, fails')
  await act('disk of h2', "served from h1's replica", null, () => failDisk(scene, 'h2', 'h1'))
  screen.headline('h2, where orders runs, is killed; h1 is the coordinator')
  await act('host h2, a member', 'restarted on h1', MEMBER_START_MS, () => killHost(scene, 'h2', 'h1'))
  screen.headline('h1, the coordinator, where orders runs now, is killed')
  await act('host h1, the coordinator', 'h2 promoted, restarted there', COORDINATOR_START_MS, () => killHost(scene, 'h1', 'h2'))

  screen.headline('The records are read back')
  const written = (await client.stop()).length
  screen.line(`the client stops after ${written} acknowledged records; redis is asked for each of them`)
  const records = await client.verify()
  const lost = records.missing.length + records.different.length
  screen.line(`acknowledged ${records.acknowledged}, missing ${records.missing.length}, different ${records.different.length}`)
  screen.headline('What the daemons did, and by which rule')
  screen.block(timelineText(timeline, begunWallMs, namesOf(lab, vm)))
  screen.headline('Every fault')
  screen.block(faultTable(rows))
  screen.block(promisesText(rows))
  screen.block(
    `records acknowledged: ${records.acknowledged}    lost: ${lost}    seconds: ${Math.round(screen.elapsedMs / 1000)}`,
  )
  return { faults: rows, timeline, records, seconds: screen.elapsedMs / 1000 }
}

const namesOf = (lab: Lab, vm: string): ReadonlyMap<string, string> =>
  new Map([...lab.hosts.map(({ uuid, name }) => [uuid, name] as const), [vm, VM]])

/** Copies what hosts and witness have written. @returns whether there was anything to keep */
export function keepLogs(dir: string, into: string): boolean {
  const ofHosts = ['h1', 'h2'].flatMap((name) => [`hosts/${name}/log`, `hosts/${name}/root${PATHS.timeline}`])
  const found = ['rack.log', 'witness', ...ofHosts].filter((part) => existsSync(join(dir, part)))
  for (const part of found) cpSync(join(dir, part), join(into, part), { recursive: true })
  if (found.length === 0) rmSync(into, { recursive: true })
  return found.length > 0
}
