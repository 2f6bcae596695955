import Table from 'cli-table3'
import type { TimelineEntry } from '../../core/domain/timeline'
import type { Measured } from './measure'
import { filled } from './screen'

export interface FaultRow {
  readonly fault: string
  readonly outcome: string
  readonly measured: Measured
  /** Promised for VM.start_on; null when the VM is to go on without a restart. */
  readonly startLimitMs: number | null
}

const SUSPECT_LIMIT_MS = 1_000

/** Said again by a later entry, or of no use to a reader who sees the rest. */
const UNTOLD = new Set(['link-silent', 'claim-swapped', 'takeover-begun', 'replica-present'])

/** @param names uuid to name, for hosts and VMs */
export function timelineText(entries: readonly TimelineEntry[], begunWallMs: number, names: ReadonlyMap<string, string>): string {
  const named = (text: string): string => text.replace(UUID, (uuid) => names.get(uuid) ?? uuid)
  return entries
    .filter(({ act }) => !UNTOLD.has(act))
    .map((entry) => {
      const seconds = `${((Date.parse(entry.at) - begunWallMs) / 1000).toFixed(2)} s`.padStart(9)
      const head = `${seconds}  ${named(entry.host).padEnd(3)} ${entry.act}  (rule ${entry.rule})\n`
      const text = filled(named(entry.text), 84).map((line) => `${' '.repeat(15)}${line}\n`)
      return head + text.join('')
    })
    .join('')
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g

/** At most 100 columns wide. Times are seconds after the fault, the gap a length. */
export function faultTable(rows: readonly FaultRow[]): string {
  const table = new Table({
    head: ['fault', 'what happened', 'longest gap', 'suspected', 'claim taken', 'start_on called', 'answering'],
    colWidths: [18, 24, 9, 11, 9, 10, 11],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  for (const { fault, outcome, measured } of rows) {
    const { longestGapMs, suspectedMs, claimTakenMs, startCalledMs, answeringMs } = measured
    const answering = startCalledMs === null ? null : answeringMs
    table.push([fault, outcome, ...[longestGapMs, suspectedMs, claimTakenMs, startCalledMs, answering].map(seconds)])
  }
  return `${table.toString()}\n`
}

/** Each promised time beside the measured one. */
export function promisesText(rows: readonly FaultRow[]): string {
  return rows
    .flatMap(({ fault, startLimitMs, measured }) => {
      if (startLimitMs === null) return [`${fault}: no restart, no error in the guest: kept`]
      const { suspectedMs, startCalledMs } = measured
      return [
        `${fault}: suspected within ${SUSPECT_LIMIT_MS / 1000} s: ${kept(suspectedMs, SUSPECT_LIMIT_MS)}`,
        `${fault}: VM.start_on within ${startLimitMs / 1000} s: ${kept(startCalledMs, startLimitMs)}`,
      ]
    })
    .map((line) => `promised for ${line}\n`)
    .join('')
}

const kept = (ms: number | null, limitMs: number): string =>
  ms === null ? 'NOT SEEN' : `${ms <= limitMs ? 'kept' : 'NOT KEPT'} (${seconds(ms)})`

const seconds = (ms: number | null): string => (ms === null ? '-' : `${(ms / 1000).toFixed(2)} s`)
