/** Ends a lab, whatever state it or its rack is in: one kill of the outermost init, then its directory goes. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { BadRequest } from '../faults/fault'
import type { LabPaths } from './paths'
import { isAlive, isErrno, killRecorded, parseRecord, type ProcessRecord } from './process'

const POLL_MS = 20
const GIVE_UP_MS = 20_000

/** The init of the lab's outermost pid namespace; null if it was never started. */
export function initOf(paths: LabPaths): ProcessRecord | null {
  try {
    return parseRecord(readFileSync(paths.init, 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null
    throw error
  }
}

/** @returns false if there was no lab */
export async function removeLab(paths: LabPaths): Promise<boolean> {
  if (!existsSync(paths.marker)) return false
  const marker = readFileSync(paths.marker)
  // Without its marker a lab that is just being started stops by itself: its init looks for it.
  await rm(paths.marker)
  const init = initOf(paths)
  if (init !== null && !(await ended(init))) {
    // It is a lab still, so that `down` can be tried again.
    writeFileSync(paths.marker, marker, { mode: 0o600 })
    throw new BadRequest(
      `process ${init.pid} of the lab does not end; see /proc/${init.pid}/stack (in a container, give it an init that reaps orphans), then run down again`,
    )
  }
  await rm(paths.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: POLL_MS })
  return true
}

async function ended(init: ProcessRecord): Promise<boolean> {
  killRecorded(init)
  for (let waitedMs = 0; isAlive(init); waitedMs += POLL_MS) {
    if (waitedMs > GIVE_UP_MS) return false
    await pause(POLL_MS)
  }
  return true
}
