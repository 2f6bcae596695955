import type { Command } from 'commander'
import { PRODUCT_VERSION } from '../product-version'
import { json, type CommandWorld } from './terminal'

export function registerVersion(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('version')
    .description('the versions of this command and of the daemon')
    .option('--json', 'both as JSON')
    .action(async (options: { json?: true }) => {
      const daemon = await ask('version', {})
      if (options.json) terminal.out(json({ command: PRODUCT_VERSION, daemon: daemon.version, host: daemon.host }))
      else terminal.out(`holdfast ${PRODUCT_VERSION}\nholdfastd ${daemon.version} on host ${daemon.host}\n`)
    })
}
