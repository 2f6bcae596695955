import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { codeOf } from './system-error'

/**
 * Makes a folder with those above it that are missing, for their owner alone; answers the topmost that was made here, null when all were
 * there. Throws the system's error, and then none was made. One by one: where the kernel lets nobody make a folder, in /proc, Node's
 * `recursive` never ends.
 */
export function makeFolder(path: string): string | null {
  const missing: string[] = []
  for (let at = path; statSync(at, { throwIfNoEntry: false }) === undefined; at = dirname(at)) missing.push(at)
  const made: string[] = []
  try {
    for (const each of missing.reverse()) if (make(each)) made.push(each)
  } catch (error) {
    for (const each of made.reverse()) unmake(each)
    throw error
  }
  return made[0] ?? null
}

/** False: another process made it meanwhile. */
function make(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return false
    throw error
  }
}

/** One that another process uses by now stays. */
function unmake(path: string): void {
  try {
    rmdirSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOTEMPTY') throw error
  }
}
