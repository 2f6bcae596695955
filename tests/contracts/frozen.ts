import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Stops a process with SIGSTOP and waits until each of its threads stands: the signal's sender goes on before that, and a thread
 * still running may answer one request more.
 */
export async function freeze(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  while (!threadsOf(pid).every((thread) => /\) T /.test(thread))) await delay(1)
}

const threadsOf = (pid: number): string[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) => readFileSync(`/proc/${pid}/task/${thread}/stat`, 'latin1'))
