import type { Command } from 'commander'
import { demonstrate, Interrupted } from '../../../lib/lab/demo/demo'
import { Screen } from '../../../lib/lab/demo/screen'
import { acting, dirOf, withDir } from './acting'

export function registerDemo(lab: Command): void {
  withDir(lab.command('demo'))
    .description('a protected VM lives through a dead disk, a dead host and a dead coordinator; takes some four minutes')
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

/** Rejects at the first ^C or SIGTERM; later ones do not stop the clearing away. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => reject(new Interrupted(`ended by ${signal}`)))
  })
}
