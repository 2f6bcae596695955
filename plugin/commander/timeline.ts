import { InvalidArgumentError, type Command } from 'commander'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { filled } from './table'
import { json, paint, type CommandWorld, type Terminal } from './terminal'
import { vmByName } from './vm-by-name'

export function registerTimeline(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('timeline')
    .description('what was done, by which rule, on what evidence; the latest comes last')
    .argument('[vm]', 'uuid or name of one VM')
    .option('--limit <n>', 'this many entries', wholeNumber, 50)
    .option('--json', "the daemon's answer as JSON")
    .action(async (vm: string | undefined, options: { limit: number; json?: true }) => {
      const which = vm === undefined ? {} : { vm: await vmByName(vm, ask) }
      const report = await ask('timeline', { ...which, limit: options.limit })
      if (options.json) {
        terminal.out(json(report))
        return
      }
      const { hosts, vms } = await ask('status', {})
      const names = new Map<string, string>([...hosts.map(nameOfHost), ...vms.map(nameOfVm)])
      terminal.out(timelineText(report.entries, names, terminal))
    })
}

const nameOfHost = ({ uuid, name }: { uuid: string; name: string }): [string, string] => [uuid, name]
const nameOfVm = ({ vm, name }: { vm: string; name: string }): [string, string] => [vm, name]

/** For an option; throws what commander explains. */
export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of at least 1.')
  return Number(text)
}

/** `names`: what hosts and VMs are called. */
export const timelineText = (
  entries: readonly TimelineEntry[],
  names: ReadonlyMap<string, string>,
  terminal: Terminal,
): string => (entries.length === 0 ? 'Nothing has happened.\n' : entries.map((each) => entryText(each, names, terminal)).join(''))

/** A tenth of a millisecond is more than anybody can use. */
const factText = (value: unknown): string => (typeof value === 'number' ? String(Math.round(value * 10) / 10) : String(value))

function entryText(entry: TimelineEntry, names: ReadonlyMap<string, string>, terminal: Terminal): string {
  const nameOf = (uuid: string): string => names.get(uuid) ?? uuid
  const who = [nameOf(entry.host), ...(entry.vm === null ? [] : [nameOf(entry.vm)])].join('  ')
  const evidence = Object.entries(entry.evidence)
    .filter(([, value]) => value !== '' && value !== null)
    .map(([name, value]) => `${name}=${nameOf(factText(value))}`)
  const because = [`rule ${entry.rule}`, ...evidence].join(', ')
  return `${entry.at}  ${who}  ${paint(terminal, 'bold', entry.act)}\n${filled(entry.text, '    ')}${filled(`(${because})`, '    ')}`
}
