import { join } from 'node:path'
import type { Log } from '../../ports/log'
import type { WatchdogBeat } from '../../ports/watchdog-beat'
import { fields, type Fields, jsonObject, Malformed, oneOf, text } from '../../wire/shape'
import { readRecord, RecordFile } from './lease-file-record'
import { RareWarning } from '../log/rare-log'
import { codeOf } from '../system/system-error'

/** Beside the leases; no worker is called so. */
const NAME = 'watchdog'
/** Two beats lost and one under way. */
const LIVING_MS = 3000
const TROUBLE_LENGTH_MAX = 200

export function watchdogBeats(folder: string, log: Log): (beat: Omit<WatchdogBeat, 'pid'>) => void {
  const file = new RecordFile(join(folder, NAME))
  const failed = new RareWarning(log, 'nobody can be told that the watchdog lives')
  return ({ hostWatchdog, ...rest }) => {
    const told = typeof hostWatchdog === 'string' ? hostWatchdog : { trouble: hostWatchdog.trouble.slice(0, TROUBLE_LENGTH_MAX) }
    try {
      file.write(JSON.stringify({ ...rest, pid: process.pid, hostWatchdog: told }))
    } catch (error) {
      if (codeOf(error) === '') throw error
      failed.happened({ error: codeOf(error) })
    }
  }
}

/** Null when there is none that lives: no guest of this host would be stopped but by its own worker. `nowMs`: the monotonic clock. */
export function livingWatchdog(folder: string, nowMs: number): WatchdogBeat | null {
  const record = readRecord(join(folder, NAME))
  if (typeof record === 'string') return null
  const beat = beatOf(jsonObject(record.json))
  return nowMs - beat.atMs <= LIVING_MS ? beat : null
}

function beatOf({ atMs, pid, hostWatchdog, worstLagMs, leases }: Fields): WatchdogBeat {
  return {
    ...{ atMs: number(atMs, 'atMs'), pid: number(pid, 'pid') },
    hostWatchdog:
      typeof hostWatchdog === 'string'
        ? oneOf(['armed', 'off'] as const, hostWatchdog, 'hostWatchdog')
        : { trouble: text(fields(hostWatchdog, 'hostWatchdog')['trouble'], 'trouble') },
    ...{ worstLagMs: number(worstLagMs, 'worstLagMs'), leases: number(leases, 'leases') },
  }
}

function number(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Malformed(`${place} is not a number`)
  return value
}
