import { readFile } from 'node:fs/promises'
import { hasCode } from './has-code'

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number
  /** Field 22 of /proc/PID/stat: clock ticks since the machine booted. */
  readonly startTicks: string
}

const isGone = (error: unknown): boolean => hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')

/** Clock ticks per second in /proc, the same on every Linux machine. */
const TICKS_PER_SECOND = 100

/** Fields 3 and up of /proc/PID/stat; `null` when there is no such process, or only its remains. */
async function statOf(pid: number): Promise<string[] | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : fields
  } catch (error) {
    if (isGone(error)) return null
    throw error
  }
}

export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const startTicks = (await statOf(pid))?.[19]
  return startTicks === undefined ? null : { pid, startTicks }
}

/** User and system time so far; `null` when the process is no more. */
export async function cpuSecondsOf(who: ProcessIdentity): Promise<number | null> {
  const fields = await statOf(who.pid)
  if (fields?.[19] !== who.startTicks) return null
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

export async function isAlive(who: ProcessIdentity): Promise<boolean> {
  return (await identify(who.pid))?.startTicks === who.startTicks
}

/** Kills at once and resolves when the process is no more. */
export async function killAndWait(who: ProcessIdentity): Promise<void> {
  while (await isAlive(who)) {
    try {
      process.kill(who.pid, 'SIGKILL')
    } catch (error) {
      if (!isGone(error)) throw error
    }
    await pause(10)
  }
}

/** Resolves true when the process is no more, false after limitMs. */
export async function goneWithin(who: ProcessIdentity, limitMs: number): Promise<boolean> {
  for (const until = performance.now() + limitMs; performance.now() < until;) {
    if (!(await isAlive(who))) return true
    await pause(20)
  }
  return false
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
