import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import packageFile from '../../../package.json'
import { fileGate, openGate } from '../gate'
import { thisMachine } from '../machine'
import { progress } from '../progress'
import { keepExecutables } from './holdfast-pair'
import { openPlace, type Place, type PlaceName } from './places'
import { Quiet } from './quiet'
import type { Block, Report } from './report'
import { rowsNamed } from './rows'
import { measureBlock, stepsOf, type Plan } from './session'
import { allSubjects, QUICK_SUBJECTS, subjectsNamed } from './subjects'

/** As they were typed; absent ones take the usual value of a full or of a quick run. */
export interface MirrorOptions {
  readonly quick?: true
  readonly json?: string
  readonly markdown?: true
  readonly rows: string
  readonly place?: PlaceName | 'both'
  readonly diskFolder?: string
  readonly tls: 'off' | 'on' | 'both'
  readonly rounds?: number
  readonly sizeMib?: number
  readonly subjects?: string
  readonly memory: boolean
  readonly addon: boolean
  readonly seed: number
  readonly patience: number
  readonly lock?: string
}

const MIB = 1024 * 1024
const FULL = { place: 'both', rounds: 3, sizeMib: 1024, warmUpMs: 1000, runMs: 2000 } as const
const QUICK = { place: 'tmpfs', rounds: 1, sizeMib: 256, warmUpMs: 500, runMs: 1000 } as const
/** With --lock: long enough for a row, short enough for those who wait. */
const LOCK_HELD_MS = 110_000

/** @param keep called with what is there whenever another setting has been measured */
export async function benchMirror(options: MirrorOptions, keep: (soFar: Report) => void): Promise<Report> {
  const usual = options.quick === true ? QUICK : FULL
  const rows = rowsNamed(options.rows)
  const sizeBytes = (options.sizeMib ?? usual.sizeMib) * MIB
  const where = options.place ?? usual.place
  const at = new Date().toISOString()
  const executables = mkdtempSync(join(tmpdir(), 'hf-bench-'))
  const places: Place[] = []
  const leaveNothing = (): void => {
    for (const folder of [executables, ...places.map((place) => place.folder)]) rmSync(folder, { recursive: true, force: true })
  }
  // The children end with this process.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      leaveNothing()
      process.exit(INTERRUPTED)
    })
  }
  try {
    // The bundle lies in dist/bench.
    const all = allSubjects(keepExecutables(join(__dirname, '..'), executables, options.addon))
    const kinds = subjectsNamed(options.subjects ?? (options.quick === true ? QUICK_SUBJECTS : ''), all)
    for (const name of where === 'both' ? (['tmpfs', 'disk'] as const) : [where]) {
      places.push(await openPlace(name, (2 * kinds.length + 1) * sizeBytes, options.diskFolder))
    }
    const plan: Plan = {
      ...{ kinds, rows, sizeBytes, rounds: options.rounds ?? usual.rounds, seed: options.seed },
      ...{ measuresMemory: options.memory, warmUpMs: usual.warmUpMs, runMs: usual.runMs },
    }
    const machine = await thisMachine()
    const reportOf = (blocks: readonly Block[]): Report => ({
      ...{ format: 1, at, version: packageFile.version, machine },
      options: { sizeBytes, rounds: plan.rounds, seed: plan.seed, warmUpMs: plan.warmUpMs, runMs: plan.runMs },
      subjects: kinds.map(({ name, text, part }) => ({ name, text, part })),
      blocks,
    })
    return reportOf(await measureBlocks(plan, places, options, (blocks) => keep(reportOf(blocks))))
  } finally {
    leaveNothing()
  }
}
const INTERRUPTED = 130

async function measureBlocks(
  plan: Plan,
  places: readonly Place[],
  { tls, lock, patience }: MirrorOptions,
  keep: (blocks: readonly Block[]) => void,
): Promise<readonly Block[]> {
  const gate = lock === undefined ? openGate : fileGate(lock, LOCK_HELD_MS)
  const settings = places.flatMap((place) => (tls === 'both' ? [false, true] : [tls === 'on']).map((on) => ({ place, on })))
  const steps = settings.reduce((total, { place, on }) => total + stepsOf(plan, { place: place.name, tls: on }), 0)
  const shown = progress(process.stderr, steps)
  const parts = { gate, progress: shown, quiet: new Quiet(patience * 1000) }
  const blocks: Block[] = []
  try {
    for (const { place, on } of settings) {
      blocks.push(await measureBlock(plan, place, on, parts))
      keep(blocks)
    }
    return blocks
  } finally {
    shown.end()
    await gate.release()
  }
}
