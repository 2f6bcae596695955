import { compare, sum, type Comparison, type Figures } from './comparison'
import type { Block, Report } from './report'
import { WORKER_MEMORY_GOALS } from './rows'
import type { Spread } from './statistics'

/** A part of the printed report: words, or a table whose first column is text and whose others are figures. */
export type Section = { readonly heading: string } | { readonly text: string } | Table
export interface Table {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
}

export function sectionsOf(report: Report): readonly Section[] {
  const legend = report.subjects.map(({ name, text }) => ({ text: `${name}: ${text}` }))
  return [{ text: describe(report) }, ...legend, ...report.blocks.flatMap((block) => blockSections(block, report))]
}

function describe({ at, version, machine, options }: Report): string {
  const { rounds, runMs, sizeBytes, seed } = options
  return [
    `Holdfast ${version}, ${at.slice(0, 10)}. ${machine.cpu}, ${machine.cores} cores (${machine.virtualisation}), `,
    `${Math.round(machine.memoryBytes / GIB)} GiB; ${machine.system}, kernel ${machine.kernel}; Node ${machine.node}, `,
    `qemu-storage-daemon ${machine.qemu}, fio ${machine.fio}. Disk of ${sizeBytes / MIB} MiB, median of ${rounds} `,
    `${rounds === 1 ? 'round' : 'rounds'} of ${runMs / 1000} s (least to most), seed ${seed}. `,
    'Of a write that is flushed the mean is of both together, p99 the larger one. "Others": what else used the machine, of one core.',
  ].join('')
}

function blockSections(block: Block, { subjects }: Report): Section[] {
  const where = block.place === 'tmpfs' ? 'Files in memory (tmpfs)' : `Files on a disk (${block.fileSystem})`
  const rows = block.rows.map((row) => compare(row, subjects))
  const sections: Section[] = [{ heading: `${where}, link ${block.tls ? 'with' : 'without'} TLS` }]
  for (const [subject, why] of Object.entries(block.unable)) sections.push({ text: `Without ${subject}: ${why}.` })
  if (rows.length > 0) sections.push(ratios(rows), details(rows))
  if (Object.keys(block.memory).length > 0) sections.push(memory(block))
  return sections
}

const ratios = (rows: readonly Comparison[]): Table => ({
  head: ['row, IOPS', 'Holdfast (a)', 'storage daemons (b)', 'no mirror (c)', 'a/b', 'goal', 'a/c', 'goal'],
  rows: rows.map(({ row, figures, goals, overPeer, overFloor }) => [
    row.text,
    ...(['mirror', 'peer', 'floor'] as const).map((part) => ranged(figures.find((each) => each.part === part)?.iops, 0)),
    ...[ranged(overPeer, 2), verdict(overPeer, goals.overPeer), ranged(overFloor, 2), verdict(overFloor, goals.overFloor)],
  ]),
})

const details = (rows: readonly Comparison[]): Table => ({
  head: ['row', 'subject', 'MB/s', 'mean us', 'p99 us', 'CPU s/GB', 'peak MB', 'others'],
  rows: rows.flatMap(({ row, figures }) => figures.map((each) => [row.text, each.subject, ...numbers(each)])),
})

const numbers = (each: Figures): string[] => [
  (each.bytesPerSecond / 1e6).toFixed(0),
  each.meanUs.toFixed(0),
  each.p99Us.toFixed(0),
  each.cpuSecondsPerGb.toFixed(1),
  (each.peakBytes / 1e6).toFixed(0),
  `${(100 * each.disturbance).toFixed(0)} %`,
]

const memory = ({ memory: use }: Block): Table => ({
  head: ['memory, MB', 'idle', 'goal', 'under 32 requests of 1 MiB', 'goal'],
  rows: Object.entries(use).flatMap(([subject, { idle, loaded }]) => [
    ...Object.keys(idle).map((process) => {
      const [idleBytes = 0, loadedBytes = 0] = [idle[process], loaded[process]]
      const isWorker = subject === 'holdfast' && ['primary', 'secondary'].includes(process)
      const { idleBytes: idleGoal, loadedBytes: loadedGoal } = WORKER_MEMORY_GOALS
      return [
        `${subject}, ${process}`,
        ...[megabytes(idleBytes), isWorker ? within(idleBytes, idleGoal) : ''],
        ...[megabytes(loadedBytes), isWorker ? within(loadedBytes, loadedGoal) : ''],
      ]
    }),
    [`${subject}, together`, megabytes(sum(idle)), '', megabytes(sum(loaded)), ''],
  ]),
})

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(0)
const within = (bytes: number, goal: number): string => `${megabytes(goal)} ${bytes < goal ? 'met' : 'missed'}`
const verdict = (reached: Spread | null, goal: number): string =>
  reached === null ? '' : `${goal.toFixed(1)} ${reached.median >= goal ? 'met' : 'missed'}`

function ranged(of: Spread | null | undefined, digits: number): string {
  if (of === null || of === undefined) return '-'
  const [median, min, max] = [of.median.toFixed(digits), of.min.toFixed(digits), of.max.toFixed(digits)]
  return min === max ? median : `${median} (${min} to ${max})`
}

const MIB = 1024 * 1024
const GIB = 1024 * MIB
