import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf } from '../system/system-error'

/** In the folder of the leases of a host's workers. */
const markOf = (folder: string, id: string): string => join(folder, `${id}.destroyed`)

/** The watchdog has destroyed the guest of that worker. Throws the system's error. */
export const markSelfFenced = (folder: string, id: string): void => writeFileSync(markOf(folder, id), '', { mode: 0o600 })

/** Whether it had since this was last asked. */
export function takeSelfFenced(folder: string, id: string): boolean {
  try {
    rmSync(markOf(folder, id))
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}
