import { spawn } from 'node:child_process'
import { withItsParent } from '../process/with-its-parent'

/**
 * Zeroes a range of an open file by the file system itself: `punch` gives the space back, otherwise it stays reserved. Node has
 * no such call, so util-linux's `fallocate` makes it on the same open file. It does not outlive this process: it would zero what
 * the next one has written. False when it could not (no such program, or a file system without it); then nothing is known about
 * the range and zeroes must be written.
 */
export function allocateZeroes(fd: number, offset: number, length: number, punch: boolean): Promise<boolean> {
  return new Promise((resolve) => {
    const mode = punch ? '--punch-hole' : '--zero-range'
    const range = ['--keep-size', '--offset', String(offset), '--length', String(length), '/proc/self/fd/3']
    const [program = '', ...args] = withItsParent(['fallocate', mode, ...range])
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'ignore', fd] })
    child.once('error', () => resolve(false))
    child.once('exit', (status) => resolve(status === 0))
  })
}
