import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DomainEnd } from '../../../../lib/lab/contract'
import { endFrom } from '../../../../lib/lab/guest/machine/end'
import { eventsIn, isStanding } from '../../../../lib/lab/guest/machine/event-record'
import type { QmpEvent } from '../../../../lib/lab/guest/machine/qmp'

const folder = mkdtempSync(join(tmpdir(), 'end-'))
afterAll(() => rmSync(folder, { recursive: true }))

const recorded = (...lines: string[]): Promise<readonly QmpEvent[]> => {
  writeFileSync(join(folder, 'events'), lines.join('\r\n'))
  return eventsIn(join(folder, 'events'))
}
const ended = async (...lines: string[]): Promise<DomainEnd> => endFrom(await recorded(...lines))
const shutdown = (reason: string) => JSON.stringify({ event: 'SHUTDOWN', data: { guest: true, reason } })
const GREETING = '{"QMP": {"version": {}, "capabilities": []}}'

test.each([
  ['guest-shutdown', 'shutdown'],
  ['guest-reset', 'reboot'],
  ['guest-panic', 'crash'],
  ['host-signal', 'crash'],
])('%s is a %s', async (reason, end) => {
  expect(await ended(GREETING, '{"return": {}}', '{"event": "RESUME"}', shutdown(reason), '')).toBe(end)
})
test('a machine that left no word crashed', async () => {
  expect(await ended()).toBe('crash')
  expect(await ended(GREETING, '{"event": "POWERDOWN"}', '')).toBe('crash')
})
test('a last line cut short by a kill is no reason', async () => {
  expect(await ended(GREETING, shutdown('guest-reset').slice(0, -9))).toBe('crash')
})
test('a machine stands until it is let go, and from each stop on', async () => {
  const [stop, resume] = ['{"event": "STOP"}', '{"event": "RESUME"}']
  const stands = async (...lines: string[]): Promise<boolean> => isStanding(await recorded(GREETING, ...lines, ''))
  expect(await stands()).toBe(true)
  expect(await stands(resume)).toBe(false)
  expect(await stands(resume, '{"event": "RTC_CHANGE", "data": {"offset": 0}}', stop)).toBe(true)
  expect(await stands(resume, stop, resume)).toBe(false)
  expect(isStanding(await recorded(GREETING, resume, stop.slice(0, -2)))).toBe(false)
})
