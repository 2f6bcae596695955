/** A recorded run of xe: the same exit code, and what it printed in the same form. */
import { runXe } from '../../xe/run-xe'
import type { LoopbackHost, LoopbackPool } from './loopback-pool'
import type { Placeholders } from './placeholders'
import type { Step } from './recording'

export interface XeDifference {
  readonly why: string
  readonly isUnknown: boolean
}

export async function xeDifference(
  step: Step,
  argv: readonly unknown[],
  host: LoopbackHost,
  pool: LoopbackPool,
  names: Placeholders,
): Promise<XeDifference | undefined> {
  const words = argv.slice(1).map(String)
  const ours = await runXe(words.includes('-s') ? ['-p', String(pool.port), ...words] : words, host.socketPath)
  const { exit, stdout, stderr } = step.members
  const isUnknown = ours.stderr.startsWith('Unknown command') && !String(stderr).startsWith('Unknown command')
  const differs = (what: string, recorded: unknown, mine: unknown): XeDifference => ({
    why: `${what}: recorded ${JSON.stringify(recorded).slice(0, 200)}, ours ${JSON.stringify(mine).slice(0, 200)}`,
    isUnknown,
  })
  if (exit !== ours.exit) return differs('exit', [exit, stdout, stderr], [ours.exit, ours.stdout, ours.stderr])
  if (!names.matches(String(stderr), ours.stderr)) return differs('stderr', stderr, ours.stderr)
  return isSameForm(String(stdout), ours.stdout, names) ? undefined : differs('stdout', stdout, ours.stdout)
}

const COLUMN = /^ *([\w-]+) \( ?(\w+)\) *: /u

/** The same text; or the same set of names; or records with the same columns. */
function isSameForm(recorded: string, ours: string, names: Placeholders): boolean {
  if (names.matches(recorded, ours)) return true
  const [theirs, mine] = [columnsIn(recorded), columnsIn(ours)]
  if (theirs !== '' || mine !== '') return theirs === mine
  const [left, right] = [membersOf(String(names.fill(recorded).value)), membersOf(ours)]
  return left.length > 1 && left.join('\n') === right.join('\n')
}

function columnsIn(text: string): string {
  const found = text.split('\n').map((line) => COLUMN.exec(line))
  const columns = found.map((each) => (each === null ? '' : `${each[1] ?? ''} ${each[2] ?? ''}`)).filter((each) => each !== '')
  return [...new Set(columns)].join('\n')
}

const membersOf = (text: string): string[] =>
  text
    .trim()
    .split(/[,;] ?/u)
    .sort()
