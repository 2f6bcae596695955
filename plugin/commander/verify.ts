import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import type { Command } from 'commander'
import { Refusal } from '../../lib/core/domain/errors'
import type { DiskStatus, VerifyReport } from '../../lib/wire/daemon-api'
import { bytes, duration } from './quantities'
import { table } from './table'
import { json, type CommandWorld, type Terminal } from './terminal'
import { vmByName } from './vm-by-name'

const POLL_MS = 500
/** The status of the host that was asked follows that of the host which compares. */
const BEGIN_POLLS_MAX = 40

interface Verified {
  readonly device: string
  readonly verify: VerifyReport
}

export function registerVerify(program: Command, { ask, terminal }: CommandWorld): void {
  program
    .command('verify')
    .description('compares both replicas of every disk of a protected VM, while it runs')
    .argument('<vm>', 'uuid or name')
    .option('--repair', 'copy what differs from the side that the guest reads to the other one')
    .option('--json', 'what was found as JSON')
    .action(async (name: string, options: { repair?: true; json?: true }) => {
      const vm = await vmByName(name, ask)
      await ask('verify', { vm, repair: options.repair ?? false })
      const disks = await finished(async () => disksOf(await ask('status', { vm })), terminal)
      const text = options.json ? json(disks) : report(name, disks)
      if (text !== '') terminal.out(text)
      const stopped = disks.find(({ verify }) => verify.state === 'stopped')
      if (stopped !== undefined) throw new Refusal('HOLDFAST_NOT_REDUNDANT', { vm: name, reason: stopped.verify.why })
    })
}

const disksOf = ({ vms }: { vms: readonly { disks: readonly DiskStatus[] }[] }): Verified[] =>
  (vms[0]?.disks ?? []).flatMap(({ device, verify }) => (verify === null ? [] : [{ device, verify }]))

/** Polls until every disk is compared. */
async function finished(look: () => Promise<Verified[]>, terminal: Terminal): Promise<Verified[]> {
  const bar = progressBar(terminal)
  try {
    for (let polls = 0; ; polls++) {
      const disks = await look()
      if (disks.length === 0 && polls > BEGIN_POLLS_MAX)
        throw new Refusal('HOLDFAST_TIMED_OUT', { seconds: (polls * POLL_MS) / 1000, reason: 'No host reports the comparison.' })
      bar.show(disks)
      if (disks.length > 0 && disks.every(({ verify }) => verify.state !== 'running')) return disks
      await sleep(POLL_MS)
    }
  } finally {
    bar.end()
  }
}

function progressBar({ progress: stream }: Terminal): { show(disks: readonly Verified[]): void; end(): void } {
  if (stream === null) return { show: () => undefined, end: () => undefined }
  const format = 'comparing [{bar}] {percentage} %  {done} of {all}, {rate}/s{left}'
  const bar = new SingleBar({ format, stream, barsize: 24, hideCursor: true, linewrap: false, clearOnComplete: true })
  bar.start(1, 0, { done: bytes(0), all: '?', rate: bytes(0), left: '' })
  return {
    show(disks) {
      const sum = (of: (verify: VerifyReport) => number): number => disks.reduce((total, { verify }) => total + of(verify), 0)
      const [done, all] = [sum(({ doneBytes }) => doneBytes), sum(({ totalBytes }) => totalBytes)]
      const seconds = Math.max(0, ...disks.map(({ verify }) => verify.etaSeconds ?? 0))
      bar.setTotal(Math.max(1, all))
      const left = seconds === 0 ? '' : `, ${duration(seconds)} left`
      bar.update(done, { done: bytes(done), all: bytes(all), rate: bytes(sum(({ bytesPerSecond }) => bytesPerSecond)), left })
    },
    end: () => bar.stop(),
  }
}

function report(name: string, disks: readonly Verified[]): string {
  const differing = disks.filter(({ verify }) => verify.differingBytes > 0)
  if (differing.length === 0)
    return disks.every(({ verify }) => verify.state === 'done') ? `${name}: both replicas hold the same.\n` : ''
  const rows = differing.flatMap(({ device, verify }) =>
    verify.ranges.map(({ offset, length }) => [device, String(offset), String(length), verify.repaired ? 'repaired' : 'differs']),
  )
  const total = differing.reduce((sum, { verify }) => sum + verify.differingBytes, 0)
  const todo = differing.some(({ verify }) => !verify.repaired)
    ? ` To make them the same: holdfast verify ${name} --repair\n`
    : '\n'
  return `${table(['DISK', 'OFFSET', 'BYTES', ''], rows)}\n${bytes(total)} differed.${todo}`
}
