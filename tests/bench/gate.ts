import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** Who may use the machine. */
export interface Gate {
  /** Runs `work` while nobody else measures. */
  hold<T>(work: () => Promise<T>): Promise<T>
  release(): Promise<void>
}

export const openGate: Gate = { hold: (work) => work(), release: () => Promise.resolve() }

/**
 * Holds flock(1)'s lock of a file while it works, for a machine that several people measure on. The lock is kept from one piece of
 * work to the next and let go between two of them when it has been held for `holdMs`.
 */
export function fileGate(file: string, holdMs: number): Gate {
  let held: { readonly sinceMs: number; letGo(): Promise<void> } | null = null
  const release = async (): Promise<void> => {
    await held?.letGo()
    held = null
  }
  return {
    release,
    hold: async (work) => {
      if (held !== null && performance.now() - held.sinceMs > holdMs) await release()
      held ??= { letGo: await lock(file), sinceMs: performance.now() }
      return work()
    },
  }
}

async function lock(file: string): Promise<() => Promise<void>> {
  // The lock ends with the process that holds it, and that one with its standard input.
  const holder = spawn('flock', ['-x', file, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(holder, 'exit')
  const first = await Promise.race([once(holder.stdout, 'data'), ended])
  if (String(first[0]).trim() !== 'held') throw new Error(`flock cannot lock ${file}`)
  return async () => {
    holder.stdin.end()
    await ended
  }
}
