import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder with those above it that are missing, for their owner alone; answers the topmost that was made, null when all were
 * there. Throws the system's error, and then none was made. One by one: where the kernel lets nobody make a folder, in /proc, Node's
 * `recursive` never ends.
 */
export function makeFolder(path: string): string | null {
  const missing: string[] = []
  for (let at = path; statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at)) missing.push(at)
  const made: string[] = []
  try {
    for (const each of missing.reverse()) {
      mkdirSync(each, { mode: 0o700 })
      made.push(each)
    }
  } catch (error) {
    for (const each of made.reverse()) rmdirSync(each)
    throw error
  }
  return made[0] ?? null
}
