import type { TimelineEntry } from '../../core/domain/timeline'
import type { Acknowledgement } from '../client/journal'
import { longestGaps } from '../client/verify'

/** One moment on both clocks: the wall's, which timelines use, and the machine's monotonic one, which journals use. */
export interface Moment {
  readonly wallMs: number
  readonly monotonicMs: number
}

/** From the breaking of something until the VM had its redundancy back. */
export interface Span {
  readonly broken: Moment
  readonly whole: Moment
}

/** Milliseconds since the fault; null for what did not happen. */
export interface Measured {
  /** The longest time without an acknowledgement; its length, not an offset. */
  readonly longestGapMs: number
  readonly suspectedMs: number | null
  readonly claimTakenMs: number | null
  readonly startCalledMs: number | null
  /** The first acknowledgement after the longest gap. */
  readonly answeringMs: number
}

/** What both books, the client's and the daemons', say about one fault. */
export function measure(span: Span, acknowledgements: readonly Acknowledgement[], entries: readonly TimelineEntry[]): Measured {
  const { broken, whole } = span
  const [gap] = longestGaps(acknowledgements, broken.monotonicMs, whole.monotonicMs)
  if (gap === undefined) throw new Error('the client had no acknowledgement after the fault')
  const during = entries.map(({ act, at }) => ({ act, atMs: Date.parse(at) })).filter(({ atMs }) => isWithin(span, atMs))
  const first = (...acts: readonly string[]): number | null => {
    const times = during.filter(({ act }) => acts.includes(act)).map(({ atMs }) => atMs - broken.wallMs)
    return times.length === 0 ? null : Math.min(...times)
  }
  return {
    longestGapMs: gap.lengthMs,
    suspectedMs: first('host-suspected'),
    claimTakenMs: first('claim-swapped', 'claim-taken'),
    startCalledMs: first('start-called'),
    answeringMs: gap.toMs - broken.monotonicMs,
  }
}

const isWithin = ({ broken, whole }: Span, atMs: number): boolean => atMs >= broken.wallMs && atMs <= whole.wallMs

/** Lines of a guest's console that say a disk failed it. */
export function diskErrorsOn(console: string): string[] {
  return console
    .split('\n')
    .map((line) => line.trim())
    .filter((line) =>
      /I\/O error|EXT4-fs (error|warning)|Aborting journal|[Rr]emounting filesystem read-only|Read-only file system/.test(line),
    )
}
