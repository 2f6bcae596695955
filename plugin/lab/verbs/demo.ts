import { Argument, type Command } from 'commander'
import { demonstrate } from '../../../lib/lab/demo/demo'
import { Screen } from '../../../lib/lab/demo/screen'
import { demonstrateLockstep } from '../../../lib/lab/lockstep/demo'
import { acting, dirOf, withDir } from './acting'
import { interruption } from './interruption'

const SHOWS = ['redirect', 'lockstep'] as const

export function registerDemo(lab: Command): void {
  withDir(lab.command('demo'))
    .description('a protected VM lives through a dead disk, a dead host and a dead coordinator; takes about a minute and a half')
    .addArgument(
      new Argument('[level]', 'lockstep: its host dies, and the guest does not notice').choices(SHOWS).default('redirect'),
    )
    .option('--keep', 'leave the lab running', false)
    .option('--json', 'the results as JSON; what happens meanwhile goes to stderr', false)
    .action((level: (typeof SHOWS)[number], options: { keep: boolean; json: boolean }, verb: Command) =>
      acting(async () => {
        const screen = new Screen(options.json ? process.stderr : process.stdout)
        const asked = { dir: dirOf(verb), keep: options.keep, screen, interrupted: interruption() }
        const report = await (level === 'lockstep' ? demonstrateLockstep(asked) : demonstrate(asked))
        if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
        if ('kept' in report) return report.kept ? 0 : 1
        return report.records.missing.length + report.records.different.length === 0 ? 0 : 1
      }),
    )
}
