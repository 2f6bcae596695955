import type { Command } from 'commander'
import { openLab } from '../../../lib/lab/rack/lab'
import { acting, dirOf, withDir } from './acting'

export function registerXe(lab: Command): void {
  withDir(lab.command('xe'))
    .description('xe on a host of the lab: holdfast lab xe vm-list params=uuid,name-label')
    .option('--host <name>', 'on this host (default: the first that has power)')
    .argument('<words...>', 'as xe takes them; "help" lists the commands')
    .passThroughOptions()
    .action((words: readonly string[], options: { host?: string }, verb: Command) =>
      acting(async () => {
        const opened = await openLab(dirOf(verb))
        const { exit, stdout, stderr } = await opened.xe(words[0] === '--' ? words.slice(1) : words, options.host)
        process.stdout.write(stdout)
        process.stderr.write(stderr)
        return exit
      }),
    )
}
