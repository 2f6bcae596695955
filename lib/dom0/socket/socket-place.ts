import { lstatSync, statSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { SOCKET_PATH_BYTES_MAX } from '../../wire/socket-path'
import { codeOf, failure } from '../system/system-error'

/**
 * Refuses a path where no unix socket can be made: ENAMETOOLONG with `spareBytes` behind it, the system's error without its folder,
 * EEXIST where something is that is no socket.
 */
export function checkSocketPlace(path: string, spareBytes = 0): void {
  const bytesMax = SOCKET_PATH_BYTES_MAX - spareBytes
  if (Buffer.byteLength(path) > bytesMax)
    throw failure('ENAMETOOLONG', `socket path too long, it may have ${bytesMax} bytes: ${path}`)
  // Binding would call a missing folder EACCES.
  statSync(dirname(path))
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined && !found.isSocket()) throw failure('EEXIST', `${path} exists and is no socket`)
}

/** Null when no socket is there. */
export function socketInode(path: string): number | null {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isSocket() === true ? found.ino : null
}

/** What a killed process left, or a socket of our own. Anything else, a link to a socket too, is somebody's and stays. */
export function removeSocket(path: string): void {
  if (socketInode(path) === null) return
  try {
    unlinkSync(path)
  } catch (error) {
    // Who was about to end has removed it.
    if (codeOf(error) !== 'ENOENT') throw error
  }
}
