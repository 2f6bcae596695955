import type { Command } from 'commander'
import { benchMemory } from './run'

export function registerMemory(program: Command): void {
  program
    .command('memory')
    .description('how long it takes to find the changed pages of a 128 MiB guest: with the addon and in plain Node')
    .action(async () => {
      process.stdout.write(await benchMemory())
    })
}
