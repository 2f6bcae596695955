/** How fast a recording is replayed: at its own pace, but for waiting out dead hosts, which takes minutes. */
import type { LabTimes } from '../../contract'
import type { Recording } from './recording'

/** A conversation with a part longer than this is replayed in less time, and so are the waits of the lab's own toolstack. */
const LONGEST_S = 60
const SHORTENED_S = 20

/** What the real toolstack takes, in ms. */
const REAL_TIMES: LabTimes = {
  deadHostCallMs: 130_000,
  deadHostProbeMs: 2000,
  promotionFuseMs: 10_000,
  promotionRestartMs: 1500,
  recoverSlavesMs: 10_200,
  databaseBackupMs: 300_000,
}

/** Recorded seconds. */
export const lengthOf = ({ steps }: Recording): number => Math.max(0, ...steps.map(({ t }) => t))

export function speedOf(conversation: readonly Recording[]): number {
  const longest = Math.max(...conversation.map(lengthOf))
  return longest > LONGEST_S ? Math.ceil(longest / SHORTENED_S) : 1
}

/** At the recorded pace nobody waits for dead hosts: then the times are merely short. */
export function timesAt(speed: number): LabTimes {
  const divisor = speed === 1 ? 100 : speed
  const scaled = (ms: number): number => Math.ceil(ms / divisor)
  return {
    deadHostCallMs: scaled(REAL_TIMES.deadHostCallMs),
    deadHostProbeMs: scaled(REAL_TIMES.deadHostProbeMs),
    promotionFuseMs: scaled(REAL_TIMES.promotionFuseMs),
    promotionRestartMs: scaled(REAL_TIMES.promotionRestartMs),
    recoverSlavesMs: scaled(REAL_TIMES.recoverSlavesMs),
    databaseBackupMs: REAL_TIMES.databaseBackupMs,
  }
}
