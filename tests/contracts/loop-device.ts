import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'

/** Why there can be no loop device here; empty when there can. */
export const NO_LOOPS = !existsSync('/dev/loop-control')
  ? 'this machine has no loop devices'
  : process.getuid?.() === 0
    ? ''
    : 'only root may make loop devices'

/** An image as a block device. */
export class LoopDevice {
  private constructor(readonly path: string) {}

  static attach(image: string, ...options: string[]): LoopDevice {
    return new LoopDevice(execFileSync('losetup', ['--find', '--show', ...options, image], { encoding: 'utf8' }).trim())
  }

  static empty(image: string, sizeBytes: number): LoopDevice {
    writeFileSync(image, Buffer.alloc(sizeBytes))
    return LoopDevice.attach(image)
  }

  detach(): void {
    execFileSync('losetup', ['--detach', this.path])
  }
}
