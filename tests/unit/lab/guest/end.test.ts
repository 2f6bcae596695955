import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endFrom } from '../../../../lib/lab/guest/machine/end'

const folder = mkdtempSync(join(tmpdir(), 'end-'))
afterAll(() => rmSync(folder, { recursive: true }))

const ended = (...lines: string[]) => {
  writeFileSync(join(folder, 'events'), lines.join('\r\n'))
  return endFrom(join(folder, 'events'))
}
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
