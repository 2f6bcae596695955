import { spawn, spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from './system-error'

/** Held from lockDirectory() until release() or the end of the process, however it ends. */
export interface DirectoryLock {
  /** The open file that carries the lock: a process that is started with it holds the lock, too. */
  readonly file: number
  release(): void
}

/**
 * One process per directory, in any container or namespace: a kernel lock on DIR/lock. Node has no call for it, so flock(1)
 * takes it on our open file, where it stays when flock has ended. Answers `{ holder }`, a process id or empty, when the
 * directory is locked; throws the system's error when DIR cannot be written, EFLOCK when there is no flock.
 */
export function lockDirectory(directory: string): DirectoryLock | { readonly holder: string } {
  const file = openSync(join(directory, 'lock'), 'a+', 0o600)
  const flock = spawnSync('flock', ['--nonblock', '--exclusive', '3'], { stdio: ['ignore', 'ignore', 'ignore', file] })
  if (flock.error === undefined && flock.status === 0) {
    ftruncateSync(file)
    writeSync(file, `${process.pid}\n`)
    return { file, release: () => closeSync(file) }
  }
  const text = Buffer.alloc(20)
  const holder = text.toString('utf8', 0, readSync(file, text, 0, text.length, 0)).trim()
  closeSync(file)
  if (flock.error !== undefined) throw failure('EFLOCK', `flock(1) of util-linux cannot be run: ${flock.error.message}`)
  return { holder }
}

/** Resolves with false when somebody holds the lock of this directory still after so many seconds. Rejects when there is no flock. */
export function untilUnlocked(directory: string, limitSeconds: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const flock = spawn('flock', ['--timeout', String(limitSeconds), join(directory, 'lock'), 'true'], { stdio: 'ignore' })
    flock.once('error', reject)
    flock.once('exit', (status) => resolve(status === 0))
  })
}
