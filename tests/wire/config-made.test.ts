import { Refusal } from '../../lib/core/domain/errors'
import { configMade, type PoolSurvey, type SetupWishes } from '../../lib/wire/config-made'
import { Malformed } from '../../lib/wire/shape'

const [POOL, H1, H2, H3] = ['b', '1', '2', '3'].map((digit) => `${digit.repeat(8)}-0000-4000-8000-000000000001`) as [
  string,
  string,
  string,
  string,
]
const on = (prefix: string, hosts: readonly string[]): Record<string, string> =>
  Object.fromEntries(hosts.map((host) => [host, `${prefix}.${host[0] ?? ''}`]))
const survey = (hosts: readonly string[] = [H1, H2]): PoolSurvey => ({
  pool: POOL,
  hosts: hosts.map((uuid) => ({ uuid, name: `h${uuid[0] ?? ''}`, address: `10.0.0.${uuid[0] ?? ''}` })),
  networks: [
    { name: 'fast', addresses: on('10.0.1', hosts), isManagement: false },
    { name: 'guests', addresses: {}, isManagement: false },
    { name: 'half', addresses: on('10.0.9', hosts.slice(1)), isManagement: false },
    { name: 'mgmt', addresses: on('10.0.0', hosts), isManagement: true },
    { name: 'slow', addresses: on('10.0.2', hosts), isManagement: false },
  ],
})
const NONE: SetupWishes = { witness: null, alternate: null, tlsFolder: null, alinks: null }
const W = { ...NONE, witness: 'w:7788' }
const made = (wishes: SetupWishes, former: object | null = null, pool = survey()): Record<string, unknown> =>
  JSON.parse(configMade(pool, wishes, former === null ? null : JSON.stringify(former))) as Record<string, unknown>
const alinksOf = (config: Record<string, unknown>): unknown =>
  Object.values(config['hosts'] as Record<string, { alinks: string[] }>).map(({ alinks }) => alinks.join())

test('A-links are all networks but the management one on which every host has an address', () => {
  expect(made(W)).toEqual({
    ...{ format: 1, pool: POOL, witness: 'w:7788' },
    hosts: {
      [H1]: { name: 'h1', management: '10.0.0.1', alinks: ['10.0.1.1', '10.0.2.1'] },
      [H2]: { name: 'h2', management: '10.0.0.2', alinks: ['10.0.1.2', '10.0.2.2'] },
    },
  })
})

test('they are those that are named, in that order', () => {
  expect(alinksOf(made({ ...W, alinks: ['slow', 'fast'] }))).toEqual(['10.0.2.1,10.0.1.1', '10.0.2.2,10.0.1.2'])
  expect(alinksOf(made({ ...W, alinks: ['slow'] }))).toEqual(['10.0.2.1', '10.0.2.2'])
})

test('a host that joined gets addresses on the networks that the others have, and everything else stays', () => {
  const former = { ...made({ ...W, alinks: ['slow'] }), diskClients: 'reconnect', leaseMs: 3000 }
  const next = made(NONE, former, survey([H1, H2, H3]))
  expect(next).toMatchObject({ witness: 'w:7788', diskClients: 'reconnect', leaseMs: 3000 })
  expect(alinksOf(next)).toEqual(['10.0.2.1', '10.0.2.2', '10.0.2.3'])
  expect(made(NONE, next, survey([H1, H2, H3]))).toEqual(next)
})

test('a host that left is left out', () => {
  expect(Object.keys(made(NONE, made(W, null, survey([H1, H2, H3])))['hosts'] as object)).toEqual([H1, H2])
})

test('a second witness, and etcd with the files that every host has', () => {
  expect(made({ ...NONE, alternate: 'v:7788' }, made(W))).toMatchObject({ witness: 'w:7788', alternateWitness: 'v:7788' })
  const files = { ca: '/etc/tls/ca.pem', cert: '/etc/tls/host.pem', key: '/etc/tls/host.key' }
  expect(made({ ...NONE, witness: 'etcd+https://e:2379', tlsFolder: '/etc/tls' })).toMatchObject({ witnessTls: files })
})

const LACKING: readonly [string, SetupWishes, object | null, RegExp][] = [
  ['no witness', NONE, null, /no witness is named/],
  [
    'a network that is none',
    { ...W, alinks: ['fats'] },
    null,
    /no network "fats".*Choose among: fast, guests, half, mgmt, slow\./,
  ],
  ['a network without one host', { ...W, alinks: ['half'] }, null, /host h1 has no address on network half/],
  [
    'addresses of nobody',
    NONE,
    { ...made(W), hosts: { [H1]: { name: 'h1', management: 'x', alinks: ['9.9.9.9'] } } },
    /9\.9\.9\.9 is on none/,
  ],
]
test.each(LACKING)('%s: refused, and what to do is said', (_, wishes, former, text) => {
  expect(() => made(wishes, former)).toThrow(Refusal)
  expect(() => made(wishes, former)).toThrow(text)
})

test('what would not be understood is not made', () => {
  expect(() => made({ ...W, alternate: 'w:7788' })).toThrow(Malformed)
  expect(() => made(W, { lease: 3 })).toThrow('lease is not a setting')
  expect(() => made({ ...NONE, witness: 'etcd+https://e:2379' })).toThrow('witnessTls is missing')
})
