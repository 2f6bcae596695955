import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { CannotMeasure } from '../cannot-measure'
import { witnessTables } from './print'
import { benchWitness } from './run'

interface Given {
  readonly claims: number
  readonly clients: number
  readonly seconds: number
  readonly everyMs: number
  readonly nodeOptions: string
  readonly json?: string
}

export function registerWitness(program: Command): void {
  program
    .command('witness')
    .description('a witness under the renewals of many claims: renewals and changes per second, latency, memory')
    .option('--claims <count>', 'how many claims', wholeNumber, 1000)
    .option('--clients <count>', 'over how many connections', wholeNumber, 1000)
    .option('--seconds <count>', 'how long each of the three loads lasts', wholeNumber, 10)
    .option('--every-ms <count>', 'how often each claim is renewed', wholeNumber, 300)
    .option('--node-options <text>', "options of the witness's Node", '')
    .option('--json <file>', 'also write the measurement to this file')
    .action(async ({ json, ...options }: Given) => {
      const report = await benchWitness(options, (text) => process.stderr.write(`${text}\n`))
      if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 1)}\n`)
      process.stdout.write(witnessTables(report))
    })
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= 1) return value
  throw new CannotMeasure(`${text} is not a number to measure with.`, 'A whole number from 1 up is needed.', 'Give one.')
}
