import type { Command } from 'commander'
import { json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'

export function registerUnprotect(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('unprotect')
    .description('ends the protection of a VM; it keeps running where it is')
    .argument('<vm>', 'uuid or name')
    .option('--json', "the daemon's answer as JSON")
    .action(async (vm: string, options: { json?: true }) => {
      const report = await ask('unprotect', { vm: await vmByName(vm, ask) })
      terminal.out(options.json ? json(report) : `${vm} is unprotected.\n`)
    })
}
