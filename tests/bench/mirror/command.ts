import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Option, type Command } from 'commander'
import packageFile from '../../../package.json'
import { CannotMeasure } from '../cannot-measure'
import { fileGate, openGate } from '../gate'
import { thisMachine } from '../machine'
import { progress } from '../progress'
import { keepExecutables } from './holdfast-pair'
import { openPlace, type Place, type PlaceName } from './places'
import { markdown, plainText } from './print'
import { Quiet } from './quiet'
import type { Block, Report } from './report'
import { ROWS, rowsNamed } from './rows'
import { measureBlock, stepsOf, type Plan } from './session'
import { allSubjects, QUICK_SUBJECTS, subjectsNamed } from './subjects'
import { sectionsOf } from './tables'

interface MirrorOptions {
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
const LOCK_HELD_MS = 90_000

export function registerMirror(program: Command): void {
  program
    .command('mirror')
    .description("Holdfast's mirror beside qemu-storage-daemon's quorum and a single storage daemon, under fio")
    .option('--quick', 'a short look: one round of one second, in memory only')
    .option('--json <file>', 'also write every measurement to this file')
    .option('--markdown', 'print the table as it is kept in the documentation')
    .option('--rows <names>', `only these: ${ROWS.map(({ name }) => name).join(',')}`, '')
    .addOption(new Option('--place <where>', 'where the files are').choices(['tmpfs', 'disk', 'both']))
    .option('--disk-folder <folder>', `a folder on a disk (default: ${tmpdir()})`)
    .addOption(new Option('--tls <which>', 'the link between the sides').choices(['off', 'on', 'both']).default('both'))
    .option('--rounds <count>', 'how often each row is measured', wholeNumber)
    .option('--size-mib <count>', 'size of the disk', wholeNumber)
    .option('--subjects <names>', `only these (default: all, with --quick ${QUICK_SUBJECTS})`)
    .option('--no-addon', 'Holdfast in plain Node, as where the addon could not be built')
    .option('--no-memory', 'leave out what the processes need in memory')
    .option('--seed <number>', 'of offsets and data', wholeNumber, 1)
    .option('--patience <seconds>', 'how long, in all, to wait for a quiet machine and to measure again', countOrNone, 60)
    .option('--lock <file>', 'take turns with others on this machine: measure only while holding the flock of this file')
    .action(async (options: MirrorOptions) => {
      const report = await benchMirror(options)
      if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(report, null, 1)}\n`)
      process.stdout.write((options.markdown === true ? markdown : plainText)(sectionsOf(report)))
    })
}

const wholeNumber = (text: string): number => numberFrom(1, text)
const countOrNone = (text: string): number => numberFrom(0, text)

function numberFrom(least: number, text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value
  throw new CannotMeasure(`${text} is not a number to measure with.`, `A whole number from ${least} up is needed.`, 'Give one.')
}

async function benchMirror(options: MirrorOptions): Promise<Report> {
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
    return {
      ...{ format: 1, at, version: packageFile.version, machine },
      options: { sizeBytes, rounds: plan.rounds, seed: plan.seed, warmUpMs: plan.warmUpMs, runMs: plan.runMs },
      subjects: kinds.map(({ name, text, part }) => ({ name, text, part })),
      blocks: await measureBlocks(plan, places, options),
    }
  } finally {
    leaveNothing()
  }
}
const INTERRUPTED = 130

async function measureBlocks(
  plan: Plan,
  places: readonly Place[],
  { tls, lock, patience }: MirrorOptions,
): Promise<readonly Block[]> {
  const gate = lock === undefined ? openGate : fileGate(lock, LOCK_HELD_MS)
  const settings = places.flatMap((place) => (tls === 'both' ? [false, true] : [tls === 'on']).map((on) => ({ place, on })))
  const steps = settings.reduce((total, { place, on }) => total + stepsOf(plan, { place: place.name, tls: on }), 0)
  const shown = progress(process.stderr, steps)
  const parts = { gate, progress: shown, quiet: new Quiet(patience * 1000) }
  const blocks: Block[] = []
  try {
    for (const { place, on } of settings) blocks.push(await measureBlock(plan, place, on, parts))
    return blocks
  } finally {
    shown.end()
    await gate.release()
  }
}
