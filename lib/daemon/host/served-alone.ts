import { SERVED_ALONE, type ServedAlone } from '../../core/domain/served-alone'
import type { TimelineEntry } from '../../core/domain/timeline'

/** What is told of one stretch several times is told once, as it was told last. Oldest first. */
export function servedAlone(entries: readonly TimelineEntry[]): readonly ServedAlone[] {
  const stretches = new Map<string, ServedAlone>()
  for (const { act, host, at, rule, evidence } of entries) {
    if (act !== SERVED_ALONE) continue
    stretches.set(`${host} ${String(evidence['stretch'])}`, {
      ...{ host, from: secondsBefore(at, numberIn(evidence['seconds'])), to: at, over: rule === 'ended' },
      ...{
        term: numberIn(evidence['term']),
        writes: numberIn(evidence['writes']),
        writtenBytes: numberIn(evidence['writtenBytes']),
      },
    })
  }
  return [...stretches.values()].sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))
}

const numberIn = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)

function secondsBefore(at: string, seconds: number): string {
  const ms = Date.parse(at) - seconds * 1000
  return Number.isNaN(ms) ? at : new Date(ms).toISOString()
}

/** When a generation began: its first eight digits are seconds. Empty for none. */
export const beganAt = (generation: string): string => {
  const seconds = Number.parseInt(generation.slice(0, 8), 16)
  return Number.isNaN(seconds) ? '' : `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
}
