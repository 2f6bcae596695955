import { HOST_WATCHDOG, hostWatchdogSettings } from '../../lib/wire/host-watchdog-settings'
import { Malformed } from '../../lib/wire/shape'

test('without settings no device is touched', () => {
  expect(hostWatchdogSettings({})).toEqual(HOST_WATCHDOG)
  expect(HOST_WATCHDOG.device).toBeNull()
})

test('all of them', () => {
  const all = { device: '/dev/watchdog1', seconds: 30, module: 'softdog', fence: ['/sbin/reset', '--now'] }
  expect(hostWatchdogSettings(all)).toEqual(all)
  expect(hostWatchdogSettings({ seconds: 0 }).seconds).toBe(0)
})

test.each([
  { devise: '/dev/watchdog' },
  { device: 'watchdog' },
  { device: 7 },
  { seconds: 2 },
  { seconds: 301 },
  { seconds: 10.5 },
  { seconds: '10' },
  { module: '--help' },
  { module: 'a b' },
  { fence: [] },
  { fence: 'reboot' },
  { fence: ['reboot'] },
  { fence: ['/sbin/reboot', 7] },
])('%j is refused', (given) => {
  expect(() => hostWatchdogSettings(given)).toThrow(Malformed)
})
