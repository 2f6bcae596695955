import { Argument, type Command, InvalidArgumentError } from 'commander'
import { Screen } from '../../../lib/lab/demo/screen'
import { soakLockstep } from '../../../lib/lab/lockstep/soak'
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

const LEVELS = ['redirect', 'lockstep'] as const
const KILLS = 10_000
const SEEDS = 1_000_000_000
const DAY_MINUTES = 24 * 60

interface SoakChoice {
  readonly minutes: number
  readonly kills: number
  readonly seed?: number
  readonly twoWitnesses: boolean
  readonly json: boolean
}

export function registerSoak(lab: Command): void {
  withDir(lab.command('soak'))
    .description('one fault after another hits a protected VM, drawn from a seed; exit 1 when a promise is broken')
    .addArgument(new Argument('[level]', 'lockstep: one host after the other is killed').choices(LEVELS).default('redirect'))
    .option('--minutes <n>', 'how long', whole(DAY_MINUTES), 10)
    .option('--kills <n>', 'how many, for lockstep', whole(KILLS), 50)
    .option('--seed <n>', 'draw the same again', whole(SEEDS))
    .option('--two-witnesses', 'a second witness', false)
    .option('--json', 'the results as JSON; what happens meanwhile goes to stderr', false)
    .action((level: (typeof LEVELS)[number], options: SoakChoice, verb: Command) =>
      acting(async () => {
        const screen = new Screen(options.json ? process.stderr : process.stdout)
        const seed = options.seed ?? 1 + (Date.now() % SEEDS)
        if (level === 'lockstep') {
          const { kills } = options
          const asked = { dir: dirOf(verb), keep: false, kills, seed, screen, interrupted: interruption() }
          const report = await soakLockstep(asked)
          if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
          return report.kept ? 0 : 1
        }
        const { minutes, twoWitnesses: alternate } = options
        const report = await soak({ dir: dirOf(verb), minutes, seed, alternate, screen, interrupted: interruption() })
        if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
        else process.stdout.write(`\n${soakTable(report)}${soakSummary(report)}`)
        return report.kept ? 0 : 1
      }),
    )
}
