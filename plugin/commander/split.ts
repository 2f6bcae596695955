import { userInfo } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import type { SplitReport } from '../../lib/wire/split-report'
import { comparisonBar } from './comparison'
import { bytes, percent } from './quantities'
import { atStakeText, exportsText, splitText } from './split-text'
import { json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'

const POLL_MS = 500

interface Options {
  readonly export?: string
  readonly disk?: string
  readonly end?: true
  readonly keep?: string
  readonly discard?: true
  readonly yes?: true
  readonly json?: true
}

export function registerSplit(program: Command, world: CommandWorld): void {
  program
    .command('split')
    .description('after a bad day: two histories of one VM, what differs, who served whom; and which of them is kept')
    .argument('<vm>', 'uuid or name')
    .option('--export <host>', 'serve the replica of that host read-only on a socket there, until --end')
    .option('--disk <disk>', 'with --export: this disk only, by its number or uuid')
    .option('--end', 'with --export: serve it no longer')
    .option('--keep <host>', "make the other host's replica what that host's is")
    .option('--discard', "with --keep: without a copy of the other host's replica")
    .option('--yes', 'with --keep: do it')
    .option('--json', "the daemon's answer as JSON")
    .action(async (name: string, options: Options, command: Command) => {
      const wrong = misuse(options)
      if (wrong !== '') command.error(wrong)
      const vm = await vmByName(name, world.ask)
      if (options.export !== undefined) await exported(world, vm, name, options.export, options)
      else if (options.keep !== undefined) await kept(world, vm, name, options.keep, options)
      else {
        const report = await compared(world, vm)
        world.terminal.out(options.json ? json(report) : splitText(report))
      }
    })
}

/** What would be passed over may have been meant for something else; empty when nothing would be. */
function misuse(options: Options): string {
  if (options.export !== undefined && options.keep !== undefined) return 'error: --export and --keep are two requests'
  if (options.export === undefined && (options.disk !== undefined || options.end))
    return 'error: --disk and --end belong to --export'
  if (options.keep === undefined && (options.discard || options.yes)) return 'error: --discard and --yes belong to --keep'
  return ''
}

/** To the end of the comparison. */
async function compared({ ask, terminal }: CommandWorld, vm: string): Promise<SplitReport> {
  const bar = comparisonBar(terminal)
  try {
    for (let report = await ask('split', { vm, compare: true }); ; report = await ask('split', { vm })) {
      const running = report.disks.flatMap(({ comparison }) => (comparison === null ? [] : [comparison]))
      bar.show(running)
      if (running.every(({ state }) => state !== 'running')) return report
      await sleep(POLL_MS)
    }
  } finally {
    bar.end()
  }
}

async function exported(
  { ask, terminal }: CommandWorld,
  vm: string,
  name: string,
  host: string,
  options: Options,
): Promise<void> {
  const disk = options.disk === undefined ? {} : { disk: options.disk }
  const answer = await ask('split-export', { vm, host, ...disk, end: options.end ?? false })
  terminal.out(options.json ? json(answer) : exportsText(name, answer, options.end ?? false))
}

async function kept(world: CommandWorld, vm: string, name: string, host: string, options: Options): Promise<void> {
  const { ask, terminal } = world
  if (options.yes !== true) {
    const report = await compared(world, vm)
    const wanted = hostIn(report, host)
    terminal.out(options.json ? json(report) : splitText(report))
    throw new Refusal('HOLDFAST_SPLIT_REFUSED', {
      what: `VM ${name}`,
      reason: atStakeText(report, wanted, options.discard ?? false),
      todo: `If that is wanted: holdfast split ${name} --keep ${host}${options.discard ? ' --discard' : ''} --yes`,
    })
  }
  await ask('split-keep', { vm, host, by: operator(), discard: options.discard ?? false })
  const report = await carriedOut(world, vm)
  if (options.json) terminal.out(json(report))
  if (report.keeping?.state === 'failed')
    throw new Refusal('HOLDFAST_SPLIT_REFUSED', {
      what: `VM ${name}`,
      reason: report.keeping.why,
      todo: 'Both histories are as they were, unless the timeline says otherwise. Repeat it when the reason is gone.',
    })
  if (!options.json) terminal.out(keptText(name, report))
}

/** As the report calls it. */
function hostIn({ name, state, hosts }: SplitReport, text: string): string {
  const refused = (reason: string, todo: string): Refusal =>
    new Refusal('HOLDFAST_SPLIT_REFUSED', { what: `VM ${name}`, reason, todo })
  const found = hosts.find(({ uuid, host }) => uuid === text || host === text)
  if (found === undefined)
    throw refused(
      `Host "${text.slice(0, 80)}" keeps no replica of it.`,
      `Name one of these: ${hosts.map(({ host }) => host).join(', ')}.`,
    )
  if (state !== 'split') throw refused('No two histories of it have met.', 'Nothing needs to be done.')
  return found.host
}

const operator = (): string => process.env['SUDO_USER'] ?? userInfo().username

async function carriedOut({ ask, terminal }: CommandWorld, vm: string): Promise<SplitReport> {
  let told = ''
  for (;;) {
    const report = await ask('split', { vm })
    if (report.keeping?.state !== 'copying-aside') return report
    const asides = report.disks.flatMap(({ histories }) => histories.flatMap(({ aside }) => (aside === null ? [] : [aside])))
    const sum = (of: (aside: (typeof asides)[number]) => number): number => asides.reduce((total, each) => total + of(each), 0)
    const [done, all] = [sum(({ doneBytes }) => doneBytes), sum(({ totalBytes }) => totalBytes)]
    const text = `copying aside: ${percent(done, all)} of ${bytes(all)}\n`
    if (text !== told && all > 0) terminal.err(text)
    told = text
    await sleep(POLL_MS)
  }
}

function keptText(name: string, { keeping, disks, hosts }: SplitReport): string {
  const [other = ''] = hosts.flatMap(({ host }) => (host === keeping?.host ? [] : [host]))
  const put = keeping?.folders.map((folder) => `  ${other}:${folder}\n`) ?? []
  const copied = disks.flatMap(({ histories }) =>
    histories.flatMap(({ host, aside }) => (aside?.state === 'done' ? [`  ${host}:${aside.folder}\n`] : [])),
  )
  const folders = [...put, ...copied]
  const aside = folders.length === 0 ? '' : `What was given up is kept until you remove it:\n${folders.join('')}`
  return `${name}: the history of ${keeping?.host ?? 'that host'} is kept. holdfast status ${name} shows the copy to the other host.\n${aside}`
}
