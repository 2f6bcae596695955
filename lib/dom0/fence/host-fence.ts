import { execFile } from 'node:child_process'
import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats, statSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { HostFence } from '../../ports/host-fence'
import type { Log } from '../../ports/log'
import { codeOf, failure, textOf } from '../system/system-error'

export interface HostFenceOptions {
  /** The watchdog's device, or a FIFO that stands for one; null: none, only `fence` is left. */
  readonly device: string | null
  /** Kernel module that makes the device; given the time-out when it has to be loaded. */
  readonly module: string
  /** Resets the machine at once. */
  readonly fence: readonly [program: string, ...argv: string[]]
  readonly log: Log
}

const FENCE_LIMIT_MS = 10_000
const MODPROBE_LIMIT_MS = 10_000
/** By the kernel's convention: any byte is a sign of life, and a close without this one is a death. */
const ALIVE = '\n'
const GOOD_BYE = 'V'

/** The kernel's watchdog: the machine is reset when the device is written to no more, by whoever holds it open. */
export function hostFence({ device, module, fence, log }: HostFenceOptions): HostFence {
  let open: number | null = null
  const close = (): void => {
    if (open !== null) closeSync(open)
    open = null
  }
  const write = (text: string): boolean => {
    if (open === null) return false
    try {
      writeSync(open, text)
      return true
    } catch (error) {
      if (codeOf(error) === '') throw error
      // Full: whoever reads it has signs of life enough.
      if (codeOf(error) === 'EAGAIN') return true
      log.error("the host's watchdog cannot be written to", { device, error: textOf(error) })
      close()
      return false
    }
  }
  return {
    arm: async (seconds) => {
      if (open !== null) return
      if (device === null) throw failure('ENODEV', 'no watchdog is configured')
      if (statSync(device, { throwIfNoEntry: false }) === undefined)
        await run('modprobe', [module, `timeout=${seconds}`], MODPROBE_LIMIT_MS)
      checkKind(device, statSync(device))
      const file = openSync(device, constants.O_WRONLY | constants.O_NONBLOCK)
      try {
        checkKind(device, fstatSync(file))
      } catch (error) {
        closeSync(file)
        throw error
      }
      open = file
      if (!write(ALIVE)) throw failure('EIO', `${device} does not take a sign of life`)
      const told = toldSeconds(device)
      if (told !== null && told !== seconds)
        log.warn("the host's watchdog has another time-out than configured", { device, seconds: told, configured: seconds })
    },
    pet: () => write(ALIVE),
    disarm: () => {
      write(GOOD_BYE)
      close()
      return Promise.resolve()
    },
    fence: async () => {
      const [program, ...argv] = fence
      await run(program, argv, FENCE_LIMIT_MS)
      throw failure('EFENCE', `${program} ended, and this machine is still there`)
    },
  }
}

/** A plain file would take every sign of life, and nothing would ever come of their end. */
function checkKind(device: string, stats: Stats): void {
  if (!stats.isCharacterDevice() && !stats.isFIFO())
    throw failure('ENODEV', `${device} is no watchdog: neither a character device nor a FIFO`)
}

/** What the driver says; null where it says nothing. */
function toldSeconds(device: string): number | null {
  const name = basename(device) === 'watchdog' ? 'watchdog0' : basename(device)
  try {
    return Number(readFileSync(join('/sys/class/watchdog', name, 'timeout'), 'utf8'))
  } catch (error) {
    if (codeOf(error) === '') throw error
    return null
  }
}

const run = (program: string, argv: readonly string[], limitMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    execFile(program, argv, { timeout: limitMs, killSignal: 'SIGKILL' }, (error, _stdout, stderr) => {
      if (error === null) resolve()
      else
        reject(
          failure(
            typeof error.code === 'string' ? error.code : 'EEXIT',
            `${program} ${argv.join(' ')}: ${stderr.trim().slice(0, 500) || error.message}`,
          ),
        )
    })
  })
