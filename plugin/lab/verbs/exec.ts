import { constants } from 'node:os'
import type { Command } from 'commander'
import { openLab } from '../../../lib/lab/rack/lab'
import { acting, dirOf, withDir } from './acting'

export function registerExec(lab: Command): void {
  withDir(lab.command('exec'))
    .description('run a command in a place: holdfast lab exec h1 -- ps ax')
    .argument('<place>', 'a host, client or witness')
    .argument('<command...>', 'the command and its arguments')
    .passThroughOptions()
    .action((place: string, argv: readonly string[], _: unknown, verb: Command) =>
      acting(async () => {
        const opened = await openLab(dirOf(verb))
        const child = await opened.spawnIn(place, argv[0] === '--' ? argv.slice(1) : argv)
        return new Promise<number>((resolve, reject) => {
          child.once('error', reject)
          child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
        })
      }),
    )
}
