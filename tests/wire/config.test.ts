import { holdfastConfig, USUAL_CONFIG } from '../../lib/wire/config'
import { Malformed } from '../../lib/wire/shape'

const HOST = 'aaaaaaaa-0000-4000-8000-000000000001'
const GIVEN = {
  ...{ format: 1, pool: 'bbbbbbbb-0000-4000-8000-000000000001', witness: 'w.example:7788' },
  hosts: { [HOST]: { name: 'h1', management: '10.0.0.1', alinks: ['10.0.1.1'] } },
}
const parsed = (change: object = {}) => holdfastConfig(JSON.stringify({ ...GIVEN, ...change }))

const TLS = { ca: '/etc/holdfast/ca.crt', cert: '/etc/holdfast/host.crt', key: '/etc/holdfast/host.key' }
const BMC = { kind: 'ipmi', address: '10.0.9.1', user: 'fence', passwordFile: '/etc/holdfast/bmc' }
const ETCD = 'etcd+https://e1:2379,e2:2379,e3:2379'

test('what nobody set is set so that every disk client is served, no guest goes on without quorum, and nothing is reset', () => {
  const usual = {
    diskClients: 'front',
    resync: {},
    suspectAfterMs: 600,
    reprotectAfterMs: 60_000,
    leaseMs: 1500,
    withoutQuorum: 'freeze',
    power: {},
  }
  const none = { alternateWitness: null, witnessTls: null, preferredSurvivor: null }
  const { hostWatchdog, ...rest } = parsed()
  expect(rest).toEqual({ ...GIVEN, ...usual, ...none })
  expect(hostWatchdog.device).toBeNull()
  expect(parsed()).toEqual({ ...GIVEN, ...USUAL_CONFIG })
})

test('everything set', () => {
  const resync = { guestLatencyMs: 5, bytesPerSecondMin: 1e6, bytesPerSecondMax: 1e8 }
  const hostWatchdog = { device: '/dev/watchdog', seconds: 20, module: 'softdog', fence: ['/sbin/fence'] }
  const power = { [HOST]: { ...BMC, cipherSuite: 17 } }
  const set = {
    ...{ alternateWitness: ETCD, witnessTls: TLS, leaseMs: 2500, withoutQuorum: 'continue', preferredSurvivor: HOST },
    ...{ diskClients: 'reconnect', resync, suspectAfterMs: 2000, reprotectAfterMs: 0, hostWatchdog, power },
  }
  expect(parsed(set)).toEqual({ ...GIVEN, ...set })
})

test('with etcd as either witness the lease is longer, unless it is set', () => {
  const alternateWitness = ETCD
  expect(parsed({ witness: ETCD, witnessTls: TLS }).leaseMs).toBe(4000)
  expect(parsed({ alternateWitness, witnessTls: TLS }).leaseMs).toBe(4000)
  expect(parsed({ alternateWitness, witnessTls: TLS, leaseMs: 1500 }).leaseMs).toBe(1500)
})

test.each(['w:1', '10.0.0.1:7788', '[fd00::1]:7788', 'etcd+http://127.0.0.1:2379'])('%s is a witness', (witness) => {
  expect(parsed({ witness }).witness).toBe(witness)
})

const WRONG: readonly [change: object, text: RegExp][] = [
  [{ format: 2 }, /^format is not 1$/],
  [{ pool: 7 }, /^pool is not a text/],
  [{ witness: undefined }, /^witness is not a text/],
  [{ witness: 'w.example' }, /^witness is neither HOST:PORT nor etcd/],
  [{ witness: 'w.example:0' }, /^witness is neither/],
  [{ witness: 'w.example:65536' }, /^witness is neither/],
  [{ witness: 'etcd+https://e1', witnessTls: TLS }, /^not etcd\+https:/],
  [{ witness: ETCD }, /^witnessTls is missing/],
  [{ alternateWitness: ETCD }, /^witnessTls is missing/],
  [{ alternateWitness: 'w.example:7788' }, /^alternateWitness is the witness itself/],
  [{ alternateWitness: 'w2' }, /^alternateWitness is neither/],
  [{ witnessTls: { ...TLS, cert: 'host.crt' } }, /^witnessTls\.cert is not an absolute path$/],
  [{ witnessTls: { ca: TLS.ca, cert: TLS.cert } }, /^witnessTls\.key is not a text/],
  [{ witnessTls: { ...TLS, crl: '/x' } }, /^witnessTls\.crl is not a setting$/],
  [{ leaseMs: 999 }, /^leaseMs is 999\. It must be between 1000 and 60000\.$/],
  [{ leaseMs: 60_001 }, /^leaseMs is 60001\./],
  [{ leaseMs: 1500.5 }, /^leaseMs is not a whole number$/],
  [{ withoutQuorum: 'go on' }, /^withoutQuorum is none of freeze, stop, continue$/],
  [{ preferredSurvivor: 'h1' }, /^preferredSurvivor is not a uuid$/],
  [{ preferredSurvivor: GIVEN.pool }, /^preferredSurvivor names bbbbbbbb.*, which is none of hosts$/],
  [{ hostWatchdog: { seconds: 1 } }, /^hostWatchdog\.seconds is 1\./],
  [{ power: { h1: BMC } }, /^the name of a host in power is not a uuid$/],
  [{ power: { [GIVEN.pool]: BMC } }, /^power names bbbbbbbb.*, which is none of hosts$/],
  [{ power: { [HOST]: { ...BMC, kind: 'snmp' } } }, /^power\.aaaaaaaa.*\.kind is none of ipmi$/],
  [{ power: { [HOST]: { ...BMC, password: 'x' } } }, /\.password is not a setting$/],
  [{ power: { [HOST]: { ...BMC, passwordFile: 'bmc' } } }, /\.passwordFile is not an absolute path$/],
  [{ power: { [HOST]: { ...BMC, address: '-I lan' } } }, /\.address is neither HOST nor HOST:PORT$/],
  [{ power: { [HOST]: { ...BMC, cipherSuite: 256 } } }, /\.cipherSuite is 256\./],
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
  [{ reprotectAfterMs: 999 }, /^reprotectAfterMs is 999\. It must be 0 \(never\), or between 1000 and 604800000\.$/],
  [{ reprotectAfterMs: 604_800_001 }, /^reprotectAfterMs is 604800001\./],
  [{ suspectAfterMs: '600' }, /^suspectAfterMs is not a whole number$/],
  [{ resync: { bytesPerSecondMin: 1e7, bytesPerSecondMax: 1e6 } }, /bytesPerSecondMin is more than/],
]

test.each(WRONG)('%j is refused, and what is wrong is named', (change, text) => {
  expect(() => parsed(change)).toThrow(Malformed)
  expect(() => parsed(change)).toThrow(text)
})
