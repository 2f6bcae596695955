import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf } from '../../lib/dom0/system/system-error'

/** Why there can be no file system of our own; empty when there can. */
export const NO_MOUNTS = probe()

/** A real file system that is soon full. */
export class SmallFileSystem {
  private constructor(readonly path: string) {}

  static mount(sizeBytes: number): SmallFileSystem {
    const path = mkdtempSync(join(tmpdir(), 'holdfast-small-'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'holdfast-test', path])
    return new SmallFileSystem(path)
  }

  /** Nothing is left, not a byte. */
  fill(): void {
    const file = openSync(join(this.path, 'filling'), 'a')
    for (const piece of [4096, 1]) while (written(file, piece));
    closeSync(file)
  }

  makeRoom(): void {
    rmSync(join(this.path, 'filling'))
  }

  unmount(): void {
    execFileSync('umount', ['--lazy', this.path])
    rmdirSync(this.path)
  }
}

function written(file: number, bytes: number): boolean {
  try {
    writeSync(file, Buffer.alloc(bytes))
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOSPC') return false
    throw error
  }
}

function probe(): string {
  if (process.getuid?.() !== 0) return 'only root may mount'
  const path = mkdtempSync(join(tmpdir(), 'holdfast-mount-'))
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4096', 'holdfast-test', path])
  if (status === 0) execFileSync('umount', ['--lazy', path])
  rmdirSync(path)
  return status === 0 ? '' : 'this machine mounts nothing here'
}
