import Table from 'cli-table3'
import type { SoakReport } from './soak'
import { isKept, type Outcome } from './trial'

/** One line. */
export function outcomeText(outcome: Outcome): string {
  const { incident, from, to, longestGapMs, protectedAfterMs, lost, servedTwice, trouble } = outcome
  const where = to === from ? `stays on ${to}` : `${from} -> ${to === '' ? '?' : to}`
  const times = `${seconds(longestGapMs)} without an answer, protected ${seconds(protectedAfterMs)} later`
  const broken = isKept(outcome) ? '' : `; BROKEN: ${lost} lost, ${servedTwice} times served twice ${trouble}`
  return `${incident}: ${where}, ${times}${broken}`
}

/** At most 100 columns wide; a line for each incident. */
export function soakTable({ outcomes }: SoakReport): string {
  const table = new Table({
    head: ['#', 'what happened', 'holder', 'longest gap', 'protected after', 'records', 'lost', 'twice'],
    colWidths: [5, 34, 10, 10, 11, 9, 6, 7],
    wordWrap: true,
    style: { head: [], border: [] },
  })
  outcomes.forEach(({ incident, from, to, longestGapMs, protectedAfterMs, records, lost, servedTwice }, index) => {
    const holder = from === to ? to : `${from} -> ${to}`
    table.push([index + 1, incident, holder, seconds(longestGapMs), seconds(protectedAfterMs), records, lost, servedTwice])
  })
  return `${table.toString()}\n`
}

export function soakSummary({ seed, seconds: took, outcomes, acknowledged, lost, kept, logs }: SoakReport): string {
  const longest = (pick: (outcome: Outcome) => number | null): string =>
    seconds(outcomes.reduce((most, outcome) => Math.max(most, pick(outcome) ?? 0), 0))
  const [gap, back] = [longest(({ longestGapMs }) => longestGapMs), longest(({ protectedAfterMs }) => protectedAfterMs)]
  const counted = `${outcomes.length} incidents in ${Math.round(took / 60)} min: ${acknowledged} records acknowledged, ${lost} lost`
  const worst = `longest time without an answer ${gap}, longest until protected again ${back}`
  const verdict = kept
    ? 'Every promise was kept.'
    : `A promise was BROKEN (seed ${seed})${logs === '' ? '' : `; logs in ${logs}`}.`
  return `${counted}; ${worst}.\n${verdict}\n`
}

const seconds = (ms: number | null): string => (ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`)
