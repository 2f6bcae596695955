import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { Option, type Command } from 'commander'
import { CannotMeasure } from '../cannot-measure'
import { markdown, plainText } from './print'
import { ROWS } from './rows'
import { benchMirror, type MirrorOptions } from './run'
import { QUICK_SUBJECTS } from './subjects'
import { sectionsOf } from './tables'

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
      const report = await benchMirror(options, (soFar) => {
        if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(soFar, null, 1)}\n`)
      })
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
