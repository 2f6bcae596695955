import type { RefusalValue } from '../domain/plan'
import type { InventoryVm } from '../domain/inventory'

/** Keys of VM.other_config in which an operator sets the pace of a VM's epochs, in milliseconds. */
export const INTERVAL_MIN_KEY = 'holdfast-lockstep-interval-min-ms'
export const INTERVAL_MAX_KEY = 'holdfast-lockstep-interval-max-ms'

/** A pause takes a few milliseconds; and output that waits for more than ten seconds is taken for lost by who waits for it. */
const INTERVAL_MS = { least: 5, most: 10_000 } as const

/** See LockstepSettings of the wire. */
export interface EpochIntervals {
  readonly intervalMinMs?: number
  readonly intervalMaxMs?: number
}

/** What the operator has set for the VM; a refusal where that is nonsense. */
export function epochIntervals({ name, otherConfig }: Pick<InventoryVm, 'name' | 'otherConfig'>): EpochIntervals | RefusalValue {
  const least = otherConfig[INTERVAL_MIN_KEY]
  const most = otherConfig[INTERVAL_MAX_KEY]
  const bad = (key: string, value: string, reason: string): RefusalValue => ({
    code: 'HOLDFAST_LOCKSTEP_SETTING',
    facts: { vm: name, key, value: value.slice(0, 40), reason },
  })
  for (const [key, value] of [
    [INTERVAL_MIN_KEY, least],
    [INTERVAL_MAX_KEY, most],
  ] as const) {
    if (value !== undefined && milliseconds(value) === null)
      return bad(key, value, `it must be a whole number of milliseconds from ${INTERVAL_MS.least} to ${INTERVAL_MS.most}`)
  }
  const intervalMinMs = milliseconds(least ?? '')
  const intervalMaxMs = milliseconds(most ?? '')
  if (intervalMinMs !== null && intervalMaxMs !== null && intervalMinMs > intervalMaxMs)
    return bad(INTERVAL_MIN_KEY, String(intervalMinMs), `it must not be more than ${INTERVAL_MAX_KEY}, which is ${intervalMaxMs}`)
  return { ...(intervalMinMs === null ? {} : { intervalMinMs }), ...(intervalMaxMs === null ? {} : { intervalMaxMs }) }
}

function milliseconds(text: string): number | null {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return number >= INTERVAL_MS.least && number <= INTERVAL_MS.most ? number : null
}
