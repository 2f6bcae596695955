import { readFileSync } from 'node:fs'
import type { KillWorker } from '../../ports/worker-fence'
import { codeOf } from '../system/system-error'

/** When a process was started, in ticks since boot: with its id a name that no later process gets. Null when there is none. */
export function startedTicks(pid: number): number | null {
  try {
    // The second field is the name in brackets, which may hold anything; the start is the twenty-second.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return null
    throw error
  }
}

export const killWorker: KillWorker = (pid, started) => {
  if (startedTicks(pid) !== started) return false
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch (error) {
    if (codeOf(error) === 'ESRCH') return false
    throw error
  }
}
