import type { Command } from 'commander'
import { json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'
import { waitUntilProtected } from './wait'

export function registerProtect(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('protect')
    .description('gives a VM a level; also changes the level of a protected one')
    .argument('<vm>', 'uuid or name')
    .requiredOption('--level <level>', 'restart, redirect or lockstep')
    .option('--wait', 'return when the level is in force, with progress on stderr')
    .option('--json', "the daemon's answer as JSON")
    .action(async (name: string, options: { level: string; wait?: true; json?: true }) => {
      const vm = await vmByName(name, ask)
      const report = await ask('protect', { vm, level: options.level })
      if (options.wait) await waitUntilProtected(vm, { ask, terminal })
      const state = options.wait ? 'done' : report.state
      if (options.json) terminal.out(json({ ...report, state }))
      else
        terminal.out(
          `${name} is at level ${report.level}, secondary ${report.secondary}.\n${state === 'done' ? '' : STILL_COPYING(name)}`,
        )
    })
}

const STILL_COPYING = (name: string): string =>
  `Its first copy is being made; until then it is not protected: holdfast status ${name}\n`
