import { readFile } from 'node:fs/promises'
import type { DomainEnd } from '../../contract'
import { eventOf } from './qmp'

const REASONS: Readonly<Record<string, DomainEnd>> = {
  'guest-shutdown': 'shutdown',
  'guest-reset': 'reboot',
  'guest-panic': 'crash',
}

/** How a machine ended, from the record of its events. A machine killed from outside leaves no reason: that is a crash. */
export async function endFrom(eventsPath: string): Promise<DomainEnd> {
  const reasons = (await readFile(eventsPath, 'utf8'))
    .split('\n')
    // The last line may be cut short by a kill.
    .filter((line) => line.trimEnd().endsWith('}'))
    .map((line) => eventOf(JSON.parse(line)))
    .filter((event) => event?.event === 'SHUTDOWN')
    .map((event) => event?.data['reason'])
  const last = reasons.at(-1)
  return (typeof last === 'string' ? REASONS[last] : undefined) ?? 'crash'
}
