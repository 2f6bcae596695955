import Table from 'cli-table3'
import type { Command } from 'commander'
import type { HostStatus, LabStatus } from '../../../lib/lab/rack/control'
import { openLab } from '../../../lib/lab/rack/lab'
import { acting, dirOf, withDir } from './acting'

export function registerStatus(lab: Command): void {
  withDir(lab.command('status'))
    .description('what runs, and which faults are in effect')
    .option('--json', 'as JSON', false)
    .action((options: { json: boolean }, verb: Command) =>
      acting(async () => {
        const opened = await openLab(dirOf(verb))
        const status = await opened.status()
        process.stdout.write(
          options.json ? `${JSON.stringify({ dir: opened.dir, ...status }, null, 2)}\n` : statusText(opened.dir, status),
        )
        return 0
      }),
    )
}

function statusText(dir: string, { hosts, witnesses, phase }: LabStatus): string {
  const table = new Table({
    head: ['host', 'address', 'power', 'processes', 'faults'],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [6, 12, 7, 40, 30],
  })
  for (const host of hosts) {
    const names = [...new Set(host.processes.map(({ name }) => name))].sort()
    table.push([host.name, host.address, host.power, names.join(' '), faultsOf(host).join('\n')])
  }
  return `lab ${dir} (${phase})\n${table.toString()}\n${witnesses.map(({ name, state }) => `${name}: ${state}\n`).join('')}`
}

function faultsOf({ faults }: HostStatus): string[] {
  return [
    ...faults.links.map((link) => `${link} down`),
    ...faults.disk.map(({ volume, ops, error }) => `${volume ?? 'disk'}: ${ops === 'both' ? 'reads and writes' : ops} ${error}`),
    ...faults.stopped.map((name) => `${name} stopped`),
    ...faults.unreached.map((address) => `cut off from ${address}`),
  ]
}
