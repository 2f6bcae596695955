import type { Command } from 'commander'
import type { PromoteReport } from '../../lib/wire/daemon-api'
import { operator } from './operator'
import { filled } from './table'
import { json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'

export function registerPromote(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('promote')
    .description('gives the claim of a VM to this host, when every other host that could act for it is proven to be off')
    .argument('<vm>', 'uuid or name')
    .option('--accept-loss', 'also where this host lacks writes that the guest was told are kept: they are lost')
    .option('--json', "the daemon's answer as JSON")
    .action(async (vm: string, options: { acceptLoss?: true; json?: true }) => {
      const uuid = await vmByName(vm, ask)
      const report = await ask('promote', { vm: uuid, acceptLoss: options.acceptLoss ?? false, who: operator() })
      terminal.out(options.json ? json(report) : promotedText(report))
    })
}

function promotedText({ vm, name, host, term, rule }: PromoteReport): string {
  if (rule === 'held-already') return `${host} holds the claim of ${name} already (term ${term}).\n`
  const lost =
    rule === 'loss-accepted'
      ? `Writes that the guest was told are kept are lost: those since this replica was left behind. The other replica still has them;
        when its host is back nothing is copied over it: holdfast split ${name}`
      : 'No acknowledged write is lost.'
  const reset = `Where XAPI still shows it on another host, before that:\n  xe vm-reset-powerstate uuid=${vm} --force\n`
  return `${filled(`${host} holds the claim of ${name} (term ${term}). ${lost}`, '')}\nTo start it:\n  xe vm-start uuid=${vm}\n${reset}`
}
