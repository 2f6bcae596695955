import { bytesIn } from './byte-count'
import { badOption } from './mirror-address'
import { resyncTrouble, type ResyncSettings } from './resync-settings'

/** How much resyncs yield, as the operator wrote it. */
export interface ResyncArguments {
  readonly resyncLatency?: string
  readonly resyncMin?: string
  readonly resyncMax?: string
}

const RATE = { read: bytesIn, reason: 'It is not a rate.', form: 'Write it as 20M, or a number of bytes, per second.' }
const TIME = {
  read: (text: string): number | null => (/^\d{1,9}$/.test(text) ? Number(text) : null),
  ...{ reason: 'It is not a time.', form: 'Write it as a number of milliseconds.' },
}
const OPTIONS = [
  { argument: 'resyncLatency', option: 'resync-latency', setting: 'guestLatencyMs', kind: TIME },
  { argument: 'resyncMin', option: 'resync-min', setting: 'bytesPerSecondMin', kind: RATE },
  { argument: 'resyncMax', option: 'resync-max', setting: 'bytesPerSecondMax', kind: RATE },
] as const

/** Throws Refusal HOLDFAST_MIRROR_OPTION. */
export function mirrorResync(given: ResyncArguments): ResyncSettings {
  const settings: { -readonly [S in keyof ResyncSettings]: ResyncSettings[S] } = {}
  for (const { argument, option, setting, kind } of OPTIONS) {
    const text = given[argument]
    if (text === undefined) continue
    const value = kind.read(text)
    const trouble = value === null ? kind.reason : resyncTrouble(setting, value)
    if (value === null || trouble !== '') throw badOption(option, text, trouble, kind.form)
    settings[setting] = value
  }
  const { bytesPerSecondMin: min, bytesPerSecondMax: max } = settings
  if (min === undefined || max === undefined || min <= max) return settings
  throw badOption('resync-min', given.resyncMin ?? '', 'It is more than --resync-max.', 'Make it less, or leave it out.')
}
