import { Refusal } from '../../../core/domain/errors'
import type { WorkerSpec } from '../../../wire/worker-api'
import { TICK_MS, type WorkerParts } from '../parts'

/** Less than the storage waits. */
const LIMIT_MS = 10_000

/**
 * Resolves when a guest may run, or rejects with HOLDFAST_WITNESS_UNREACHABLE: the toolstack lets a guest go that it has built, whoever paused
 * it meanwhile.
 */
export async function confirmed(
  mayRun: () => boolean,
  { clock, timers }: Pick<WorkerParts, 'clock' | 'timers'>,
  { witness }: Pick<WorkerSpec, 'witness'>,
): Promise<void> {
  const untilMs = clock.nowMs() + LIMIT_MS
  while (!mayRun() && clock.nowMs() < untilMs) await timers.pause(TICK_MS)
  if (mayRun()) return
  const reason = 'neither it nor the peer confirms the lease of this VM'
  throw new Refusal('HOLDFAST_WITNESS_UNREACHABLE', { reason, address: witness ?? '' })
}
