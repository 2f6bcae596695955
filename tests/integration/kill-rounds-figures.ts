import { join } from 'node:path'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import type { WorkerStatus } from '../../lib/wire/worker-api'
import type { MirrorSide } from './mirror-side'

export type Way = 'direct' | 'front' | 'opened-again'

/** The longest time in which a guest heard of no write, of each round. */
export class Gaps {
  private readonly found: { kind: string; way: Way; ms: number }[] = []

  add(kind: string, way: Way, ms: number): void {
    this.found.push({ kind, way, ms })
  }

  /** `kind, way: COUNT rounds, median MS, max MS`. */
  lines(): string[] {
    const names = [...new Set(this.found.map(({ kind, way }) => `${kind}, ${way}`))].sort()
    return names.map((name) => {
      const all = this.found.filter(({ kind, way }) => `${kind}, ${way}` === name).map(({ ms }) => ms)
      all.sort((a, b) => a - b)
      const [median = 0, max = 0] = [all[Math.floor(all.length / 2)], all.at(-1)]
      return `${name}: ${all.length} times, median ${Math.round(median)} ms, max ${Math.round(max)} ms`
    })
  }
}

/** The longest pause between two of these moments from the last one before `fromMs` on. */
export function longestPause(moments: readonly number[], fromMs: number): number {
  const first = Math.max(
    0,
    moments.findLastIndex((at) => at <= fromMs),
  )
  const after = moments.slice(first)
  return Math.max(0, ...after.slice(1).map((at, index) => at - (after[index] ?? at)))
}

/** What the sides did about their replicas, as their timelines tell it. */
export function resyncRules(sides: readonly MirrorSide[]): Record<string, number> {
  const acts = ['resync-started', 'replica-refused']
  const rules: Record<string, number> = {}
  for (const { act, rule } of sides
    .flatMap(({ folder }) => readTimeline(join(folder, 'timeline')))
    .filter((e) => acts.includes(e.act)))
    rules[`${act} ${rule}`] = (rules[`${act} ${rule}`] ?? 0) + 1
  return rules
}

/** The resyncs that whoever looks at a side's status gets to see. */
export class SeenResyncs {
  private last: { readonly key: string; readonly bytes: number } | null = null
  private readonly bytes: number[] = []

  /** `worker`: whose status it is, this process and no other. */
  look(worker: number, { volumes }: WorkerStatus): void {
    const resync = volumes[0]?.resync ?? null
    const key = resync === null ? '' : `${worker} ${resync.target} ${resync.totalBytes}`
    if (resync !== null && key !== this.last?.key) this.bytes.push(resync.totalBytes)
    this.last = resync === null ? null : { key, bytes: resync.totalBytes }
  }

  /** Bytes that differed or may have differed, of those that lasted long enough to be seen. */
  line(): string {
    const sum = this.bytes.reduce((total, each) => total + each, 0)
    return `${this.bytes.length} resyncs seen in status, ${sum} bytes to compare or copy, at most ${Math.max(0, ...this.bytes)}`
  }
}
