import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { codeOf } from '../system/system-error'

/**
 * A number for this start of the daemon, above every earlier one of this host. Kept in `file`; where that was lost (a
 * reinstalled host) the wall clock is above it, and where the clock was set back the file is.
 */
export function nextIncarnation(file: string, wallClockMs: number): number {
  const incarnation = Math.max(lastIncarnation(file) + 1, Math.floor(wallClockMs))
  const fresh = openSync(`${file}.new`, 'w', 0o600)
  try {
    writeSync(fresh, `${incarnation}\n`)
    fsyncSync(fresh)
  } finally {
    closeSync(fresh)
  }
  renameSync(`${file}.new`, file)
  return incarnation
}

/** 0 when there is none, or what is there is not a number. */
function lastIncarnation(file: string): number {
  try {
    const last = Number(readFileSync(file, 'utf8'))
    return Number.isSafeInteger(last) && last > 0 ? last : 0
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 0
    throw error
  }
}
