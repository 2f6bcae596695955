import { Malformed, wholeNumber, type Fields } from './shape'

/** How much resyncs yield to the guest; what is left out is as in PACE. */
export interface ResyncSettings {
  /** While the guest's requests take longer on average, resyncs slow down. Milliseconds. */
  readonly guestLatencyMs?: number
  /** Kept to whatever the guest does, so that a resync ends. */
  readonly bytesPerSecondMin?: number
  readonly bytesPerSecondMax?: number
}

const LIMITS = {
  guestLatencyMs: { least: 1, most: 10_000 },
  /** A slower one would take a week for 40 GB. */
  bytesPerSecondMin: { least: 65_536, most: 1e12 },
  bytesPerSecondMax: { least: 65_536, most: 1e12 },
} as const
type Setting = keyof typeof LIMITS

/** Empty when the value will do. */
export function resyncTrouble(setting: Setting, value: number): string {
  const { least, most } = LIMITS[setting]
  return value < least || value > most ? `It must be between ${least} and ${most}.` : ''
}

/** Of a configuration. Throws Malformed. */
export function resyncSettings(given: Fields): ResyncSettings {
  const settings: Partial<Record<Setting, number>> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!isSetting(name)) throw new Malformed(`resync.${name.slice(0, 40)} is not a setting`)
    const number = wholeNumber(value, `resync.${name}`)
    const trouble = resyncTrouble(name, number)
    if (trouble !== '') throw new Malformed(`resync.${name} is ${number}. ${trouble}`)
    settings[name] = number
  }
  const { bytesPerSecondMin: min, bytesPerSecondMax: max } = settings
  if (min !== undefined && max !== undefined && min > max)
    throw new Malformed('resync.bytesPerSecondMin is more than resync.bytesPerSecondMax')
  return settings
}

const isSetting = (name: string): name is Setting => name in LIMITS
