import { type Fields, list, Malformed, text, wholeNumber } from './shape'

/** What resets a host that stands still, or whose guest cannot be stopped. */
export interface HostWatchdogSettings {
  /** The device of the kernel's watchdog, or a FIFO that stands for one; null: none. Never guessed: writing to it arms it. */
  readonly device: string | null
  /** After so long without a sign of life the machine is reset; 0: never. */
  readonly seconds: number
  /** Made before the device is opened, where there is none. */
  readonly module: string
  /** Program and arguments that reset the machine at once. */
  readonly fence: readonly [string, ...string[]]
}

/** Longer than the pauses of a busy dom0 that pass; a host that is taken over meanwhile may wake for a moment. */
const SECONDS = 10
const SECONDS_LEAST = 3
const SECONDS_MOST = 300

/** XenServer's own programs. Without a device nothing is armed. */
export const HOST_WATCHDOG: HostWatchdogSettings = {
  device: null,
  seconds: SECONDS,
  module: 'xen_wdt',
  fence: ['/opt/xensource/libexec/fence', 'yesreally'],
}

const KNOWN = Object.keys(HOST_WATCHDOG)

/** `hostWatchdog` of a configuration. Throws Malformed. */
export function hostWatchdogSettings(given: Fields): HostWatchdogSettings {
  const strange = Object.keys(given).find((name) => !KNOWN.includes(name))
  if (strange !== undefined) throw new Malformed(`hostWatchdog.${strange.slice(0, 40)} is not a setting`)
  const { device = HOST_WATCHDOG.device, seconds = SECONDS, module = HOST_WATCHDOG.module, fence = HOST_WATCHDOG.fence } = given
  const settings = {
    device: device === null ? null : absolute(device, 'hostWatchdog.device'),
    seconds: wholeNumber(seconds, 'hostWatchdog.seconds'),
    module: text(module, 'hostWatchdog.module', 64),
  }
  if (settings.seconds !== 0 && (settings.seconds < SECONDS_LEAST || settings.seconds > SECONDS_MOST))
    throw new Malformed(
      `hostWatchdog.seconds is ${settings.seconds}. It must be 0, or between ${SECONDS_LEAST} and ${SECONDS_MOST}.`,
    )
  if (!/^\w[\w-]*$/.test(settings.module)) throw new Malformed('hostWatchdog.module is not the name of a module')
  const [program, ...argv] = list(fence, 'hostWatchdog.fence', 16).map((word) => text(word, 'hostWatchdog.fence'))
  return { ...settings, fence: [absolute(program, 'hostWatchdog.fence'), ...argv] }
}

function absolute(value: unknown, place: string): string {
  const path = text(value, place, 4096)
  if (!path.startsWith('/')) throw new Malformed(`${place} is not an absolute path`)
  return path
}
