import { availableParallelism } from 'node:os'
import { Command, InvalidArgumentError } from 'commander'
import { run } from './mirror/run'
import { bundleMirror } from './mirror-bundle'
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
  readonly explain?: true
}

async function many({ seeds, from, jobs }: Options): Promise<boolean> {
  const bundle = await bundleMirror()
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
        say(`seed ${seed} broke "${report.broken}": npm run sim -- --mirror --seed ${seed} --explain`)
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

function one(seed: number, explain: boolean): boolean {
  const { broken, detail, steps, simulatedMs, probes } = run(seed, explain ? say : null)
  say(`seed ${seed}: ${steps} events, ${Math.round(simulatedMs)} ms; ${[...probes.keys()].sort().join(', ')}`)
  say(broken === '' ? 'every rule was kept' : `broke "${broken}": ${detail}`)
  return broken === ''
}

const options = new Command('sim')
  .description('Hunts in a simulated world for a broken rule of docs/failure-model.md. The same seed tells the same story.')
  .requiredOption('--mirror', 'a pair of hosts, a witness and a guest (the only world there is)')
  .option('--seeds <count>', 'how many seeds', whole, 2000)
  .option('--from <seed>', 'the first one', whole, 1)
  .option('--jobs <threads>', 'how many at a time', whole, availableParallelism())
  .option('--seed <seed>', 'only this one', whole)
  .option('--explain', 'with --seed: the whole story, event by event')
  .parse()
  .opts<Options>()

async function main(): Promise<void> {
  const kept = options.seed === undefined ? await many(options) : one(options.seed, options.explain === true)
  if (!kept) process.exitCode = 1
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 2
})
