import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import type { MoveProgress, MoveReport } from '../../lib/wire/daemon-api'
import { filled } from './table'
import { EndStatus, json, type CommandWorld } from './terminal'
import { vmByName } from './vm-by-name'

const POLL_MS = 300
/** A daemon that restarts is back long before; the move goes on without it. */
const SILENT_POLLS_MAX = 100
const NOT_MOVED = 1

export function registerMove(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('move')
    .description('runs a protected VM on the other of its two hosts: shut down, handed over, started there')
    .argument('<vm>', 'uuid or name')
    .requiredOption('--to <host>', 'uuid or name')
    .option('--dry-run', 'tell what would be done, and change nothing')
    .option('--no-wait', 'return when it has begun')
    .option('--json', 'the result as JSON; progress goes to stderr')
    .action(async (name: string, options: { to: string; dryRun?: true; wait: boolean; json?: true }) => {
      const vm = await vmByName(name, ask)
      const report = await ask('move', { vm, to: options.to, ...(options.dryRun ? { plan: true } : {}) })
      const waits = options.wait && report.state === 'begun'
      const end = waits ? await ended(vm, { ask, terminal }) : null
      terminal.out(options.json ? json(end === null ? report : { ...report, ...end }) : told(report, end))
      if (end !== null && end.state !== 'moved') throw new EndStatus(NOT_MOVED)
    })
}

function told(report: MoveReport, end: MoveProgress | null): string {
  if (end !== null) return `${end.text}\n`
  const { name, from, to, steps, state } = report
  if (state === 'nothing') return `${name} is on ${to} already.\n`
  const listed = steps.map(({ step, reason }, index) => `${String(index + 1).padStart(2)}. ${step}\n${filled(reason, '    ')}`)
  const head = `${name}: ${from} -> ${to}\n\n${listed.join('')}`
  return state === 'planned' ? head : `${head}\nIt goes on by itself: holdfast timeline ${name}\n`
}

/** Polls until the move has ended, with a line on stderr for whatever is new. */
async function ended(vm: string, { ask, terminal }: CommandWorld): Promise<MoveProgress> {
  let last = ''
  for (let silentPolls = 0; ;) {
    try {
      const progress = await ask('moving', { vm })
      silentPolls = 0
      if (progress.state === 'moved' || progress.state === 'failed') return progress
      if (progress.text !== last) terminal.err(`${progress.text}\n`)
      last = progress.text
    } catch (error) {
      const isAway = error instanceof Refusal && error.code === 'HOLDFAST_DAEMON_UNREACHABLE'
      if (!isAway || ++silentPolls > SILENT_POLLS_MAX) throw error
    }
    await sleep(POLL_MS)
  }
}
