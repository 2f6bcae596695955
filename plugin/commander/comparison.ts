import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { Refusal } from '../../lib/core/domain/errors'
import type { VerifyReport } from '../../lib/wire/daemon-api'
import { bytes, duration } from './quantities'
import { table } from './table'
import { EndStatus, type Terminal } from './terminal'

const POLL_MS = 500
/** The status of the host that was asked follows that of the host which compares. */
const BEGIN_POLLS_MAX = 40

export interface Compared {
  readonly device: string
  readonly verify: VerifyReport
}

/** Polls until every disk is compared. */
export async function compared(look: () => Promise<Compared[]>, terminal: Terminal): Promise<Compared[]> {
  const bar = comparisonBar(terminal)
  try {
    for (let polls = 0; ; polls++) {
      const disks = await look()
      if (disks.length === 0 && polls > BEGIN_POLLS_MAX)
        throw new Refusal('HOLDFAST_TIMED_OUT', { seconds: (polls * POLL_MS) / 1000, reason: 'No host reports the comparison.' })
      bar.show(disks.map(({ verify }) => verify))
      if (disks.length > 0 && disks.every(({ verify }) => verify.state !== 'running')) return disks
      await sleep(POLL_MS)
    }
  } finally {
    bar.end()
  }
}

type Progress = Pick<VerifyReport, 'doneBytes' | 'totalBytes' | 'bytesPerSecond' | 'etaSeconds'>

/** Of all disks together. */
export function comparisonBar({ progress: stream }: Terminal): { show(disks: readonly Progress[]): void; end(): void } {
  if (stream === null) return { show: () => undefined, end: () => undefined }
  const format = 'comparing [{bar}] {percentage} %  {done} of {all}, {rate}/s{left}'
  const bar = new SingleBar({ format, stream, barsize: 24, hideCursor: true, linewrap: false, clearOnComplete: true })
  bar.start(1, 0, { done: bytes(0), all: '?', rate: bytes(0), left: '' })
  return {
    show(disks) {
      const sum = (of: (disk: Progress) => number): number => disks.reduce((total, disk) => total + of(disk), 0)
      const [done, all] = [sum(({ doneBytes }) => doneBytes), sum(({ totalBytes }) => totalBytes)]
      const seconds = Math.max(0, ...disks.map(({ etaSeconds }) => etaSeconds ?? 0))
      bar.setTotal(Math.max(1, all))
      const left = seconds === 0 ? '' : `, ${duration(seconds)} left`
      bar.update(done, { done: bytes(done), all: bytes(all), rate: bytes(sum(({ bytesPerSecond }) => bytesPerSecond)), left })
    },
    end: () => bar.stop(),
  }
}

const DIFFERING = 3

/** So that a job which compares every month can tell. */
export function endIfDiffering(disks: readonly Compared[]): void {
  if (disks.some(({ verify }) => verify.differingBytes > 0 && !verify.repaired)) throw new EndStatus(DIFFERING)
}

/** What was found, and `repairCommand` where something differs still. Empty when a comparison stopped before it found anything. */
export function comparisonText(name: string, disks: readonly Compared[], repairCommand: string): string {
  const differing = disks.filter(({ verify }) => verify.differingBytes > 0)
  if (differing.length === 0)
    return disks.every(({ verify }) => verify.state === 'done') ? `${name}: both replicas hold the same.\n` : ''
  const rows = differing.flatMap(({ device, verify }) =>
    verify.ranges.map(({ offset, length }) => [device, String(offset), String(length), verify.repaired ? 'repaired' : 'differs']),
  )
  const total = differing.reduce((sum, { verify }) => sum + verify.differingBytes, 0)
  const listed = rows.reduce((sum, [, , length]) => sum + Number(length), 0)
  const more = listed < total ? `and ${bytes(total - listed)} more, not listed\n` : ''
  const todo = differing.some(({ verify }) => !verify.repaired) ? ` To make them the same: ${repairCommand}\n` : '\n'
  return `${table(['DISK', 'OFFSET', 'BYTES', ''], rows)}${more}\n${bytes(total)} differed.${todo}`
}
