import { writeFileSync } from 'node:fs'
import { Option, type Command } from 'commander'
import { CannotMeasure } from '../cannot-measure'
import { drivenSubject } from './driven'
import { lockstepTables } from './print'
import { productSubject } from './product'
import { measureLockstep } from './run'

interface Given {
  readonly epochs: readonly number[]
  readonly connections: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly subject: 'drivers' | 'product'
  readonly json?: string
}

export function registerLockstep(program: Command): void {
  program
    .command('lockstep')
    .description('a guest unprotected and in lockstep, side by side: pauses, requests, jobs, and the loss of its host')
    .option('--epochs <ms>', 'lengths of epochs', numbers, [25, 50, 100, 200])
    .option('--connections <counts>', 'how many ask at a time', numbers, [1, 8, 32])
    .option('--rounds <count>', 'of everything', number, 3)
    .option('--seconds <count>', 'of requests, each time', number, 6)
    .addOption(new Option('--subject <what>', 'what is measured').choices(['drivers', 'product']).default('product'))
    .option('--json <file>', 'also write the figures to this file')
    .action(async ({ json, subject: what, ...plan }: Given) => {
      const say = (text: string): void => void process.stderr.write(`${text}\n`)
      const subject = await (what === 'product' ? productSubject(say) : drivenSubject(say))
      try {
        const figures = await Promise.race([measureLockstep(subject, plan, say), interrupted()])
        if (json !== undefined) writeFileSync(json, `${JSON.stringify(figures, null, 1)}\n`)
        process.stdout.write(lockstepTables(figures))
      } finally {
        await subject.end()
      }
    })
}

/** Rejects when it is; what stands is taken down then. */
const interrupted = (): Promise<never> =>
  new Promise((_, reject) => {
    const why = new CannotMeasure('It was interrupted.', 'A signal told it to end.', 'Begin again.')
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => reject(why))
  })

const numbers = (text: string): number[] => text.split(',').map(number)

function number(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new CannotMeasure(`${text} is not a number to measure with.`, 'A whole number from 1 up is needed.', 'Give one.')
}
