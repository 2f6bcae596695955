import { type Command, InvalidArgumentError } from 'commander'
import { Screen } from '../../../lib/lab/demo/screen'
import { soakSummary, soakTable } from '../../../lib/lab/trial/report'
import { soak } from '../../../lib/lab/trial/soak'
import { acting, dirOf, withDir } from './acting'
import { interruption } from './interruption'

const whole =
  (most: number) =>
  (text: string): number => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= 1 && value <= most) return value
    throw new InvalidArgumentError(`a whole number from 1 to ${most} is wanted`)
  }

const SEEDS = 1_000_000_000
const DAY_MINUTES = 24 * 60

export function registerSoak(lab: Command): void {
  withDir(lab.command('soak'))
    .description('one fault after another hits a protected VM, drawn from a seed; exit 1 when a promise is broken')
    .option('--minutes <n>', 'how long', whole(DAY_MINUTES), 10)
    .option('--seed <n>', 'draw the same again', whole(SEEDS))
    .option('--two-witnesses', 'a second witness', false)
    .option('--json', 'the results as JSON; what happens meanwhile goes to stderr', false)
    .action((options: { minutes: number; seed?: number; twoWitnesses: boolean; json: boolean }, verb: Command) =>
      acting(async () => {
        const screen = new Screen(options.json ? process.stderr : process.stdout)
        const seed = options.seed ?? 1 + (Date.now() % SEEDS)
        const { minutes, twoWitnesses: alternate } = options
        const report = await soak({ dir: dirOf(verb), minutes, seed, alternate, screen, interrupted: interruption() })
        if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
        else process.stdout.write(`\n${soakTable(report)}${soakSummary(report)}`)
        return report.kept ? 0 : 1
      }),
    )
}
