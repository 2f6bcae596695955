import Table from 'cli-table3'
import type { CounterVerdict } from '../client/counter'
import type { KillOutcome } from './kill'

/** What a client should wait at most when a host is lost, detection included: docs/performance.md. Milliseconds. */
export const GAP_GOAL_MS = 700

/** At most 100 columns wide. Seconds after the kill; gap and the last two are lengths. */
export function killTable(kills: readonly KillOutcome[]): string {
  const table = new Table({
    head: ['#', 'lost', 'goes on', 'gap', 'suspected', 'claim taken', 'goes on', 'answering', 'lockstep again', 'gap meanwhile'],
    colWidths: [5, 6, 6, 8, 11, 9, 9, 11, 10, 11],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  kills.forEach((kill, index) => {
    const { host, survivor, gapMs, suspectedMs, claimTakenMs, goesOnMs, answeringMs, lockstepAgainMs, afterwardsGapMs } = kill
    const times = [gapMs, suspectedMs, claimTakenMs, goesOnMs, answeringMs, lockstepAgainMs, afterwardsGapMs]
    table.push([index + 1, host, survivor, ...times.map(seconds)])
  })
  return `${table.toString()}\n`
}

/** One line, as each kill is over. */
export function killText({ host, survivor, gapMs, suspectedMs, claimTakenMs, goesOnMs, lockstepAgainMs }: KillOutcome): string {
  const resume = claimTakenMs === null || goesOnMs === null ? null : goesOnMs - claimTakenMs
  return (
    `${host} -> ${survivor}: detection ${seconds(suspectedMs)}, resume ${seconds(resume)}, gap ${seconds(gapMs)}; ` +
    `in lockstep again ${seconds(lockstepAgainMs)} after ${host} was started`
  )
}

/** Each promise and whether it was kept; goals are no promises. */
export function promisesText(kills: readonly KillOutcome[], verdict: CounterVerdict): string {
  const ofKills = kills.flatMap((kill, index) => [
    `promised for kill ${index + 1}, of ${kill.host}: the guest goes on, nobody starts it: ${kept(!kill.wasStarted)}`,
    `goal for kill ${index + 1}, of ${kill.host}: the client waits at most ${seconds(GAP_GOAL_MS)}: ${reached(kill.gapMs)}`,
  ])
  const { counted, stored, written, broken } = verdict
  const sums = `${counted} counts in order, ${stored} texts and ${written} records on disk`
  const whole = `promised to the client: ${sums}, three connections that never broke: ${kept(broken.length === 0)}`
  return [...ofKills, whole, ...broken].map((line) => `${line}\n`).join('')
}

export const areKept = (kills: readonly KillOutcome[], { broken }: CounterVerdict): boolean =>
  broken.length === 0 && kills.every(({ wasStarted }) => !wasStarted)

/** Of a column: median, 99th percentile and maximum. */
export function figuresText(kills: readonly KillOutcome[]): string {
  const resume = ({ claimTakenMs, goesOnMs }: KillOutcome): number | null =>
    claimTakenMs === null || goesOnMs === null ? null : goesOnMs - claimTakenMs
  const columns: [string, (kill: KillOutcome) => number | null][] = [
    ['client-visible gap', ({ gapMs }) => gapMs],
    ['detection', ({ suspectedMs }) => suspectedMs],
    ['resume', resume],
    ['gap while lockstep began again', ({ afterwardsGapMs }) => afterwardsGapMs],
    ['lockstep again', ({ lockstepAgainMs }) => lockstepAgainMs],
  ]
  return columns
    .map(([name, pick]) => {
      const values = kills
        .map(pick)
        .filter((ms) => ms !== null)
        .sort((a, b) => a - b)
      const [median, p99, max] = [0.5, 0.99, 1].map((part) => seconds(percentile(values, part)))
      return `${name} of ${values.length} kills: median ${median}, p99 ${p99}, max ${max}\n`
    })
    .join('')
}

/** Nearest rank, of what is sorted; null of nothing. */
export const percentile = (sorted: readonly number[], part: number): number | null =>
  sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? null

const kept = (isKept: boolean): string => (isKept ? 'kept' : 'NOT KEPT')
const reached = (ms: number): string => `${ms <= GAP_GOAL_MS ? 'reached' : 'NOT REACHED'} (${seconds(ms)})`
const seconds = (ms: number | null | undefined): string => (ms === null || ms === undefined ? '-' : `${(ms / 1000).toFixed(2)} s`)
