import { availableParallelism } from 'node:os'
import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { run as runLockstep } from './lockstep/run'
import { type Outcome, run as runMirror } from './mirror/run'
import { bundleWorld, type WorldName } from './mirror-bundle'
import { run as runPool } from './pool/run'
import { Progress } from './progress'
import { ordersFrom, swarm } from './swarm'

const say = (line: string): void => void process.stdout.write(`${line}\n`)

function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('a whole number is wanted')
  return Number(text)
}

interface Options {
  readonly mirror?: true
  readonly seeds: number
  readonly from: number
  readonly jobs: number
  readonly seed?: number
  readonly explain?: 'acts' | 'all'
}

const worldOf = ({ mirror }: Options): { name: WorldName; option: string } => {
  if (named === 'lockstep') return { name: 'lockstep', option: 'lockstep ' }
  return mirror === true ? { name: 'mirror', option: '--mirror ' } : { name: 'pool', option: '' }
}

async function many(options: Options): Promise<boolean> {
  const { seeds, from, jobs } = options
  const world = worldOf(options)
  const bundle = await bundleWorld(world.name)
  const progress = new Progress(seeds, (line) => process.stderr.write(line), process.stderr.isTTY)
  let broken = 0
  try {
    await swarm({
      ...{ file: bundle.file, orders: ordersFrom(from, seeds), jobs },
      told: ({ seed, steps, detail, ...report }) => {
        progress.one(steps, Date.now())
        if (report.broken === '') return true
        broken++
        progress.clear()
        say(`seed ${seed} broke "${report.broken}": npm run sim -- ${world.option}--seed ${seed} --explain`)
        say(`  ${detail.split('\n', 1)[0] ?? ''}`)
        return true
      },
    })
  } finally {
    bundle.remove()
  }
  progress.clear()
  say(
    `${seeds} seeds from ${from} on, ${progress.steps} events: ${broken === 0 ? 'every rule was kept' : `${broken} broke a rule`}`,
  )
  return broken === 0
}

async function outcomeOf(options: Options, seed: number): Promise<Outcome> {
  const { explain } = options
  const sayAct = (line: string): void => {
    if (!line.includes(' gets #')) say(line)
  }
  const told = explain === undefined ? null : explain === 'all' ? say : sayAct
  const { name } = worldOf(options)
  if (name === 'lockstep') return runLockstep(seed, { say: told })
  return name === 'mirror' ? runMirror(seed, told) : runPool(seed, told)
}

async function one(options: Options, seed: number): Promise<boolean> {
  const { broken, detail, steps, simulatedMs, probes } = await outcomeOf(options, seed)
  say(`seed ${seed}: ${steps} events, ${Math.round(simulatedMs)} ms; ${[...probes.keys()].sort().join(', ')}`)
  say(broken === '' ? 'every rule was kept' : `broke "${broken}": ${detail}`)
  return broken === ''
}

const command = new Command('sim')
  .description('Hunts in a simulated world for a broken rule of docs/failure-model.md. The same seed tells the same story.')
  .addArgument(
    new Argument('[world]', 'lockstep: a pair of hosts and one guest, whose memory goes by epochs').choices(['lockstep']),
  )
  .option('--mirror', 'a pair of hosts and one disk, with faults that come sooner, instead of a whole pool')
  .option('--seeds <count>', 'how many seeds', whole, 2000)
  .option('--from <seed>', 'the first one', whole, 1)
  .option('--jobs <threads>', 'how many at a time', whole, availableParallelism())
  .option('--seed <seed>', 'only this one', whole)
  .addOption(
    new Option('--explain [what]', 'with --seed: its story; all: with everything that a guest was told')
      .choices(['acts', 'all'])
      .preset('acts'),
  )
  .parse()
const options = command.opts<Options>()
const named = command.args[0]

async function main(): Promise<void> {
  const kept = options.seed === undefined ? await many(options) : await one(options, options.seed)
  if (!kept) process.exitCode = 1
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 2
})
