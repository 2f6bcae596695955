/** A process remembered by pid and start time, so that a later process with the same pid is never mistaken for it. */
import { readFileSync } from 'node:fs'

export interface ProcessRecord {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTicks: number
}

/** @returns null if there is no such process (a zombie counts as none) */
export function recordOf(pid: number): ProcessRecord | null {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return null
    throw error
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? null : { pid, startTicks: Number(fields[19]) }
}

export const isAlive = (record: ProcessRecord): boolean => recordOf(record.pid)?.startTicks === record.startTicks

/** SIGKILL, if it is still that process. */
export function killRecorded(record: ProcessRecord): void {
  if (!isAlive(record)) return
  try {
    process.kill(record.pid, 'SIGKILL')
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error
  }
}

export function parseRecord(text: string): ProcessRecord | null {
  const match = /^(\d+) (\d+)\s*$/.exec(text)
  return match === null ? null : { pid: Number(match[1]), startTicks: Number(match[2]) }
}

/** By its code only: an error of Node's own modules need not be an instance of the Error of whoever catches it. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && codes.some((code) => code === error.code)
}
