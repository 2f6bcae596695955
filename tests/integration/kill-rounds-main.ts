/** `npm run torture -- --rounds 200 --seed 7` */
import { parseArgs } from 'node:util'
import { KillRounds } from './kill-rounds'

const text = { type: 'string' } as const
const { values } = parseArgs({ options: { rounds: text, seed: text } })
const rounds = Number(values.rounds ?? 200)
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))

async function main(): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  say(`seed ${seed}, ${rounds} rounds`)
  const { errors, lost, firstDifference, rules, lines, ...counts } = await new KillRounds(rounds, seed, say).run()
  for (const line of lines) say(line)
  say(JSON.stringify({ seed, ...counts, rules, errors, lost, firstDifference }))
  if (errors.length + lost.length > 0 || firstDifference !== -1) process.exitCode = 1
}

main().catch((error: unknown) => {
  process.stderr.write(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exitCode = 1
})
