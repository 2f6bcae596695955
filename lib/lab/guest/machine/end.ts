import type { DomainEnd } from '../../contract'
import type { QmpEvent } from './qmp'

const REASONS: Readonly<Record<string, DomainEnd>> = {
  'guest-shutdown': 'shutdown',
  'guest-reset': 'reboot',
  'guest-panic': 'crash',
}

/** How a machine ended, from the record of its events. A machine killed from outside leaves no reason: that is a crash. */
export function endFrom(events: readonly QmpEvent[]): DomainEnd {
  const last = events.findLast(({ event }) => event === 'SHUTDOWN')?.data['reason']
  return (typeof last === 'string' ? REASONS[last] : undefined) ?? 'crash'
}
