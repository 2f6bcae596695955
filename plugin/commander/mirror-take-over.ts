import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import { takeOverWords } from '../../lib/core/standalone/take-over-words'
import { untilUnlocked } from '../../lib/dom0/system/directory-lock'
import { DOM0 } from '../../lib/core/domain/ids'
import { mirrorIds } from '../../lib/dom0/mirror/identity'
import type { WorkerApi, WorkerStatus } from '../../lib/wire/worker-api'
import { servedMirror, type ServedMirror } from './mirror-ask'
import { json, type CommandWorld } from './terminal'

/** A side that died a moment ago was heard a moment ago: it is asked about for longer than a worker remembers. */
const HEARD_LIMIT_MS = 2000
const LOOK_EVERY_MS = 100
/** `mirror serve` kills what does not end by itself after 5 s. */
const END_LIMIT_SECONDS = 20

export function registerMirrorTakeOver(mirror: Command, { terminal }: CommandWorld): void {
  mirror
    .command('take-over')
    .description('this side takes the claim and serves the disk; refused while the other side is alive')
    .requiredOption('--folder <dir>', 'the folder of this side')
    .option('--json', "the worker's answer as JSON")
    .action(async ({ folder, json: asJson }: { folder: string; json?: true }) => {
      const mirror = servedMirror(folder)
      const before = await mirror.ask('status', {})
      const answer = await takeOver(mirror)
      if (!answer.taken) {
        const { name } = mirror.record
        throw new Refusal('HOLDFAST_TAKE_OVER_REFUSED', {
          mirror: name,
          rule: answer.why,
          ...takeOverWords(answer.why, answer.mayHold === true),
        })
      }
      // `mirror serve` does so, too, when it next looks.
      const { volume } = mirrorIds(mirror.record.name)
      await mirror.ask('attach', { volume, domain: DOM0 })
      await mirror.ask('activate', { volume, domain: DOM0 })
      const { name, host, listen } = mirror.record
      if (asJson) terminal.out(json(answer))
      else terminal.out(`${host} holds ${name} in term ${answer.term}. The disk is served at ${listen}.${waits(before)}\n`)
    })
  mirror
    .command('stop')
    .description('this side stops serving, and its `mirror serve` ends')
    .requiredOption('--folder <dir>', 'the folder of this side')
    .action(async ({ folder }: { folder: string }) => {
      const { ask, record, folder: locked } = servedMirror(folder)
      await ask('stop', {})
      if (!(await untilUnlocked(locked, END_LIMIT_SECONDS))) throw stillServed(record.name)
      terminal.out(`${record.name} is no longer served on ${record.host}.\n`)
    })
}

const stillServed = (name: string): Refusal =>
  new Refusal('HOLDFAST_TIMED_OUT', {
    seconds: END_LIMIT_SECONDS,
    reason: `The worker of ${name} was told to end, and its \`mirror serve\` is still there.`,
  })

/** Of a side that was the primary already. */
const waits = ({ role, frozen, degraded }: WorkerStatus): string =>
  role === 'primary' && frozen ? ` It is frozen: ${degraded || 'requests wait for a replica'}.` : ''

async function takeOver({ ask }: ServedMirror): Promise<WorkerApi['take-over']['answer']> {
  const untilMs = performance.now() + HEARD_LIMIT_MS
  for (;;) {
    const answer = await ask('take-over', { reason: 'the operator asked for it' })
    if (answer.taken || answer.why !== 'holder-alive' || performance.now() > untilMs) return answer
    await sleep(LOOK_EVERY_MS)
  }
}
