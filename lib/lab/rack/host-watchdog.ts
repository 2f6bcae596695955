/** The timer that resets a machine when nobody says for a while that it lives: a FIFO in a host's root, read by the rack. */
import { execFile } from 'node:child_process'
import { closeSync, constants, openSync, readSync } from 'node:fs'
import { promisify } from 'node:util'
import type { HostWatchdogSettings } from '../../wire/host-watchdog-settings'
import { isErrno } from './process'

/** As a host sees it. /dev there is the machine's own. */
const DEVICE = '/run/host-watchdog'
const LOOK_EVERY_MS = 100
/** As the kernel takes them; the last one stands for the program that resets a machine at once. */
const [GOOD_BYE, FENCE] = ['V', 'F']

/** For the product's config.json. */
export const labWatchdog = (seconds: number): HostWatchdogSettings => ({
  ...{ device: DEVICE, seconds, module: 'none' },
  fence: ['/bin/sh', '-c', `printf ${FENCE} >${DEVICE}`],
})

export class HostWatchdog {
  #timer: NodeJS.Timeout | null = null
  #isArmed = false
  #heardAtMs = 0

  private constructor(
    private readonly file: number,
    private readonly limitMs: number,
    /** Called once; `why` goes on after "reset: ". */
    private readonly expired: (why: string) => void,
  ) {
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS)
  }

  /** Makes the FIFO. */
  static async start(path: string, limitMs: number, expired: (why: string) => void): Promise<HostWatchdog> {
    await promisify(execFile)('mkfifo', ['-m', '600', path])
    return new HostWatchdog(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), limitMs, expired)
  }

  stop(): void {
    if (this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
    closeSync(this.file)
  }

  /** First what was said, then the time: a rack that was slow itself resets nobody for it. */
  #look(): void {
    const said = this.#said()
    if (said !== '') this.#heardAtMs = performance.now()
    if (said.includes(FENCE)) this.#expire('it asked for it')
    else if (said !== '') this.#isArmed = !said.endsWith(GOOD_BYE)
    else if (this.#isArmed && performance.now() > this.#heardAtMs + this.limitMs)
      this.#expire(`no sign of life for ${this.limitMs / 1000} s`)
  }

  #expire(why: string): void {
    this.stop()
    this.expired(why)
  }

  #said(): string {
    const bytes = Buffer.alloc(65_536)
    try {
      return bytes.toString('latin1', 0, readSync(this.file, bytes))
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) return ''
      throw error
    }
  }
}
