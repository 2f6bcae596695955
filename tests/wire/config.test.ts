import { holdfastConfig } from '../../lib/wire/config'
import { Malformed } from '../../lib/wire/shape'

const HOST = 'aaaaaaaa-0000-4000-8000-000000000001'
const GIVEN = {
  ...{ format: 1, pool: 'bbbbbbbb-0000-4000-8000-000000000001', witness: 'w.example:7788' },
  hosts: { [HOST]: { name: 'h1', management: '10.0.0.1', alinks: ['10.0.1.1'] } },
}
const parsed = (change: object = {}) => holdfastConfig(JSON.stringify({ ...GIVEN, ...change }))

test('what nobody set is set so that every disk client is served', () => {
  expect(parsed()).toEqual({ ...GIVEN, diskClients: 'front', resync: {}, suspectAfterMs: 600 })
})

test('everything set', () => {
  const resync = { guestLatencyMs: 5, bytesPerSecondMin: 1e6, bytesPerSecondMax: 1e8 }
  const set = { diskClients: 'reconnect', resync, suspectAfterMs: 2000 }
  expect(parsed(set)).toEqual({ ...GIVEN, ...set })
})

const WRONG: readonly [change: object, text: RegExp][] = [
  [{ format: 2 }, /^format is not 1$/],
  [{ pool: 7 }, /^pool is not a text/],
  [{ witness: undefined }, /^witness is not a text/],
  [{ hosts: [] }, /^hosts is not an object$/],
  [{ hosts: { h1: GIVEN.hosts[HOST] } }, /^the name of a host is not a uuid$/],
  [{ hosts: { [HOST]: { name: 'h1' } } }, /^management of host aaaaaaaa/],
  [{ hosts: { [HOST]: { ...GIVEN.hosts[HOST], alinks: '10.0.1.1' } } }, /^alinks of host aaaaaaaa/],
  [{ diskClients: 'Front' }, /^diskClients is none of front, reconnect$/],
  [{ diskClient: 'front' }, /^diskClient is not a setting$/],
  [{ resync: { bytesPerSecond: 1e6 } }, /^resync\.bytesPerSecond is not a setting$/],
  [{ resync: { guestLatencyMs: '20' } }, /^resync\.guestLatencyMs is not a whole number$/],
  [{ resync: { guestLatencyMs: 0 } }, /^resync\.guestLatencyMs is 0\. It must be between 1 and 10000\.$/],
  [{ suspectAfterMs: 299 }, /^suspectAfterMs is 299\. It must be between 300 and 60000\.$/],
  [{ suspectAfterMs: 60_001 }, /^suspectAfterMs is 60001\./],
  [{ suspectAfterMs: '600' }, /^suspectAfterMs is not a whole number$/],
  [{ resync: { bytesPerSecondMin: 1e7, bytesPerSecondMax: 1e6 } }, /bytesPerSecondMin is more than/],
]

test.each(WRONG)('%j is refused, and what is wrong is named', (change, text) => {
  expect(() => parsed(change)).toThrow(Malformed)
  expect(() => parsed(change)).toThrow(text)
})
