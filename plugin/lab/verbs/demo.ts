import type { Command } from 'commander'
import { demonstrate } from '../../../lib/lab/demo/demo'
import { Screen } from '../../../lib/lab/demo/screen'
import { acting, dirOf, withDir } from './acting'
import { interruption } from './interruption'

export function registerDemo(lab: Command): void {
  withDir(lab.command('demo'))
    .description('a protected VM lives through a dead disk, a dead host and a dead coordinator; takes about a minute and a half')
    .option('--keep', 'leave the lab running', false)
    .option('--json', 'the results as JSON; what happens meanwhile goes to stderr', false)
    .action((options: { keep: boolean; json: boolean }, verb: Command) =>
      acting(async () => {
        const screen = new Screen(options.json ? process.stderr : process.stdout)
        const report = await demonstrate({ dir: dirOf(verb), keep: options.keep, screen, interrupted: interruption() })
        if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
        return report.records.missing.length + report.records.different.length === 0 ? 0 : 1
      }),
    )
}
