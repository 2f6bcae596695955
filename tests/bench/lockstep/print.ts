import { ratio, spread } from '../mirror/statistics'
import type { LockstepFigures, LockstepMeasured } from './run'

/** In Markdown: medians of the rounds, and of ratios the medians of each round's. */
export function lockstepTables({ machine, subject, plan, rounds, failover }: LockstepFigures): string {
  const levels = [null, ...plan.epochs]
  const of = (epochMs: number | null): LockstepMeasured[] =>
    rounds.flatMap((round) => round.filter((each) => each.epochMs === epochMs))
  const loads = plan.connections.flatMap((connections, at) =>
    levels.map((epochMs) => {
      const found = of(epochMs).flatMap(({ requests }) => requests[at] ?? [])
      const seen = (pick: (each: (typeof found)[number]) => number | null | undefined): string => middle(found.map(pick))
      const share = ratio(
        found.map(({ perSecond }) => perSecond),
        of(null).flatMap(({ requests }) => requests[at]?.perSecond ?? []),
      )
      return [
        ...[String(connections), nameOf(epochMs), seen(({ perSecond }) => perSecond), share.median.toFixed(2)],
        ...[seen(({ medianMs }) => medianMs), seen(({ p99Ms }) => p99Ms)],
        ...[seen(({ epochs }) => epochs?.pauseMedianMs), seen(({ epochs }) => epochs?.pauseP99Ms)],
        ...[seen(({ epochs }) => pagesOf(epochs?.bytesPerEpoch)), seen(({ epochs }) => kilobytesOf(epochs?.bytesPerEpoch))],
        ...[seen(({ epochs }) => epochs?.outputDelayMedianMs), seen(({ epochs }) => epochs?.outputDelayP99Ms)],
      ]
    }),
  )
  const jobs = levels.map((epochMs) => [
    nameOf(epochMs),
    ...[({ cpuMs }: LockstepMeasured) => cpuMs, ({ diskMs }: LockstepMeasured) => diskMs].flatMap((pick) => {
      const [times, floor] = [of(epochMs).map(pick), of(null).map(pick)].map((each) => each.filter((ms) => ms !== null))
      return times?.length === 0 ? ['', ''] : [middle(times ?? []), slower(ratio(times ?? [], floor ?? []).median)]
    }),
  ])
  const { cpu, cores, virtualisation, kernel, node, qemu } = machine
  const { gapMs, resumeMs, detectionMs, isInOrder } = failover
  return [
    `${cpu}, ${cores} cores (${virtualisation}), kernel ${kernel}, Node ${node}, QEMU ${qemu}. Subject: ${subject}. ` +
      `${plan.rounds} rounds of ${plan.seconds} s each. Times in ms.`,
    table(LOAD_HEAD, loads),
    table(JOB_HEAD, jobs),
    `Failover at epochs of ${failover.epochMs} ms: detection ${told(detectionMs)}, resume ${told(resumeMs)}, longest wait of a client ` +
      `${told(gapMs)}; ${failover.count} counted over one connection, ${isInOrder ? 'each once and in order' : 'NOT in order'}.`,
    '',
  ].join('\n\n')
}

const LOAD_HEAD = [
  ...['connections', 'epochs', 'requests/s', 'of unprotected', 'median', 'p99', 'pause median', 'pause p99'],
  ...['changed pages', 'KB per epoch', 'output waits median', 'p99'],
]
const JOB_HEAD = ['epochs', 'CPU-bound job', 'slower by', 'disk-bound job', 'slower by']
const PAGE_BYTES = 4096

const nameOf = (epochMs: number | null): string => (epochMs === null ? 'unprotected' : `${epochMs} ms`)
const pagesOf = (bytes: number | null | undefined): number | null => (bytes == null ? null : Math.round(bytes / PAGE_BYTES))
const kilobytesOf = (bytes: number | null | undefined): number | null => (bytes == null ? null : Math.round(bytes / 1000))
const told = (ms: number | null): string => (ms === null ? 'not measured' : `${ms.toFixed(0)} ms`)
const slower = (times: number): string => `${((times - 1) * 100).toFixed(0)} %`

function middle(values: readonly (number | null | undefined)[]): string {
  const known = values.filter((value) => typeof value === 'number')
  if (known.length === 0) return ''
  const { median } = spread(known)
  return median >= 100 ? median.toFixed(0) : median.toFixed(1)
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map((_, at) => (at === 0 ? '---' : '---:')), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
