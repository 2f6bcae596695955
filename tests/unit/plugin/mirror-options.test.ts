import { Refusal, refusalLines } from '../../../lib/core/domain/errors'
import { diskAddress, diskAddressText, hostPort, portOnLinks } from '../../../lib/wire/mirror-address'
import { mirrorOptions, sizeBytes, type MirrorArguments } from '../../../lib/wire/mirror-options'

const GIVEN: MirrorArguments = {
  name: 'orders',
  host: 'a',
  folder: '/var/lib/holdfast/orders',
  replica: 'file:/srv/orders.img',
  listen: 'unix:/run/orders.sock',
  size: '10G',
  link: '10.0.0.1:7801,10.1.0.1:7801',
  peer: 'b=10.0.0.2:7801,10.1.0.2:7801',
  witness: 'w.example:7700',
  key: '/etc/holdfast/pool.key',
}

test('one side of a pair', () => {
  expect(mirrorOptions(GIVEN)).toEqual({
    name: 'orders',
    host: 'a',
    folder: '/var/lib/holdfast/orders',
    replica: { kind: 'file', path: '/srv/orders.img' },
    listen: { unix: '/run/orders.sock' },
    certificates: null,
    sizeBytes: 10 * 2 ** 30,
    pair: {
      link: { addresses: ['10.0.0.1', '10.1.0.1'], port: 7801 },
      peer: { name: 'b', addresses: ['10.0.0.2', '10.1.0.2'], port: 7801 },
      witness: 'w.example:7700',
      keyFile: '/etc/holdfast/pool.key',
      plain: false,
    },
    create: false,
    overwrite: false,
    front: false,
    resync: {},
  })
})

test('how much a resync yields', () => {
  const given = { ...GIVEN, resyncLatency: '5', resyncMin: '1M', resyncMax: '100000000' }
  expect(mirrorOptions(given).resync).toEqual({ guestLatencyMs: 5, bytesPerSecondMin: 2 ** 20, bytesPerSecondMax: 100_000_000 })
})

test('a mirror of one', () => {
  const { name, host, folder, replica, listen } = GIVEN
  expect(mirrorOptions({ name, host, folder, replica, listen, witness: 'none' })).toMatchObject({ pair: null, sizeBytes: null })
})

/** What one changed option is refused with: the option named, and a word of the reason. */
const WRONG: readonly [change: Partial<MirrorArguments>, option: string, reason: RegExp][] = [
  [{ name: '' }, 'name', /letters, digits/],
  [{ name: '-x' }, 'name', /begins with/],
  [{ name: 'a b' }, 'name', /letters, digits/],
  [{ name: '../up' }, 'name', /letters, digits/],
  [{ name: 'n'.repeat(64) }, 'name', /at most 63/],
  [{ host: 'a/b' }, 'host', /letters, digits/],
  [{ folder: `/${'f'.repeat(100)}` }, 'folder', /control\.sock has 114 bytes/],
  [{ listen: '/run/orders.sock' }, 'listen', /neither unix:PATH nor tcp/],
  [{ listen: 'unix:orders.sock' }, 'listen', /does not begin with a slash/],
  [{ listen: `unix:/${'s'.repeat(107)}` }, 'listen', /has 108 bytes/],
  [{ listen: `unix:/${'ü'.repeat(54)}` }, 'listen', /has 109 bytes/],
  [{ listen: 'tcp:10.0.0.1' }, 'listen', /not HOST:PORT/],
  [{ size: '0' }, 'size', /not a size/],
  [{ size: '-1G' }, 'size', /not a size/],
  [{ size: '1.5G' }, 'size', /not a size/],
  [{ size: '10X' }, 'size', /not a size/],
  [{ size: '1e9' }, 'size', /not a size/],
  [{ size: '512K' }, 'size', /at least 1 MiB/],
  [{ size: '17T' }, 'size', /at most 16 TiB/],
  [{ size: '9999999999999999T' }, 'size', /at most 16 TiB/],
  [{ size: '10000001' }, 'size', /sectors/],
  [{ link: '10.0.0.1' }, 'link', /not HOST:PORT/],
  [{ link: '10.0.0.1:0' }, 'link', /not HOST:PORT/],
  [{ link: '10.0.0.1:65536' }, 'link', /not HOST:PORT/],
  [{ link: '10.0.0.256:7801' }, 'link', /not HOST:PORT/],
  [{ link: 'fd00::1:7801' }, 'link', /not HOST:PORT/],
  [{ link: '10.0.0.1:7801,' }, 'link', /not HOST:PORT/],
  [{ link: '10.0.0.1:7801,10.1.0.1:7802' }, 'link', /ports differ/],
  [{ link: '10.0.0.1:7801,10.0.0.1:7801' }, 'link', /named twice/],
  [{ link: '0.0.0.0:7801' }, 'link', /no address of a link/],
  [{ link: '[::]:7801' }, 'link', /no address of a link/],
  [{ link: Array.from({ length: 9 }, (_, n) => `10.0.0.${n + 1}:7801`).join() }, 'link', /more than 8/],
  [{ link: 'this.example:7801' }, 'link', /is a name/],
  [{ peer: '10.0.0.2:7801' }, 'peer', /not NAME=HOST:PORT/],
  [{ peer: 'b=' }, 'peer', /not HOST:PORT/],
  [{ peer: '=10.0.0.2:7801' }, 'peer', /letters, digits/],
  [{ peer: 'a=10.0.0.2:7801' }, 'peer', /called a, as this side is/],
  [{ peer: 'b=10.1.0.1:7801' }, 'peer', /address of this side/],
  [{ witness: 'w' }, 'witness', /not HOST:PORT/],
  [{ witness: 'none' }, 'witness', /third vote/],
  [{ plain: true }, 'link', /10\.0\.0\.1 is not an address of the loopback/],
  [{ plain: true, link: '127.0.0.1:7801' }, 'peer', /10\.0\.0\.2 is not an address of the loopback/],
  [{ create: true, overwrite: true }, 'create', /keeps what is there/],
  [{ listen: 'tcp:10.0.0.1:10809' }, 'listen', /Without TLS/],
  [{ tls: '/etc/holdfast/tls' }, 'tls', /unix socket needs no TLS/],
  [{ front: true, listen: 'tcp:127.0.0.1:10809' }, 'listen', /front serves a unix socket/],
  [{ resyncLatency: '20 ms' }, 'resync-latency', /not a time/],
  [{ resyncLatency: '0' }, 'resync-latency', /between 1 and 10000/],
  [{ resyncMin: '10M/s' }, 'resync-min', /not a rate/],
  [{ resyncMax: '1K' }, 'resync-max', /between 65536 and/],
  [{ resyncMin: '20M', resyncMax: '10M' }, 'resync-min', /more than --resync-max/],
]

test.each(WRONG)('%j is refused with the name of --%s', (change, option, reason) => {
  const refused = refusalOf(() => mirrorOptions({ ...GIVEN, ...change }))
  expect(refused).toMatchObject({ code: 'HOLDFAST_MIRROR_OPTION', facts: { option } })
  const [what, why, todo] = refusalLines(refused.code, refused.facts)
  expect(what).toContain(`--${option}`)
  expect(why).toMatch(reason)
  expect(todo).toMatch(/^[A-Z].*\.$/)
})

test.each<[Partial<MirrorArguments>, RegExp]>([
  [{ listen: 'tcp:127.0.0.1:99999' }, /--listen cannot be "tcp:127.0.0.1:99999"\. .*Write it as tcp:10\.0\.0\.1:7801/],
  [{ peer: 'b=' }, /--peer cannot be "b="\. .*Write it as b=10\.0\.0\.1:7801/],
  [{ peer: '=10.0.0.2:7801' }, /--peer cannot be "=10\.0\.0\.2:7801"\. /],
  [{ link: '10.0.0.1:7801,10.1.0.1' }, /--link cannot be "10\.0\.0\.1:7801,10\.1\.0\.1"\. "10\.1\.0\.1" is not HOST:PORT/],
])('%j is quoted as it was written', (change, text) => {
  expect(refusalOf(() => mirrorOptions({ ...GIVEN, ...change })).message).toMatch(text)
})

const { peer, link, key, ...NEITHER } = GIVEN
test.each([
  ['peer', { ...NEITHER, link, key }],
  ['link', { ...NEITHER, peer, key }],
  ['key', { ...NEITHER, peer, link }],
])('a witness without --%s is refused', (missing, given) => {
  const refused = refusalOf(() => mirrorOptions(given as MirrorArguments))
  expect(refused.code).toBe('HOLDFAST_MIRROR_OPTION_MISSING')
  expect(refused.message).toContain(`Option --${missing} is missing.`)
})

test('a replica that cannot be read is refused, too', () => {
  expect(refusalOf(() => mirrorOptions({ ...GIVEN, replica: '/srv/orders.img' }))).toMatchObject({ code: 'HOLDFAST_BAD_REPLICA' })
})

function refusalOf(act: () => unknown): Refusal {
  try {
    act()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test.each([
  ['1M', 2 ** 20],
  ['1MiB', 2 ** 20],
  ['512K', null],
  ['1048576', 2 ** 20],
  ['3GB', 3 * 2 ** 30],
  ['16T', 16 * 2 ** 40],
])('size %s', (text, bytes) => {
  if (bytes === null) expect(() => sizeBytes(text)).toThrow(Refusal)
  else expect(sizeBytes(text)).toBe(bytes)
})

test('addresses', () => {
  expect(hostPort('link', '[fd00::1]:7801')).toEqual({ host: 'fd00::1', port: 7801 })
  expect(hostPort('witness', 'w-1.example:7788')).toEqual({ host: 'w-1.example', port: 7788 })
  expect(portOnLinks('link', '127.0.0.1:1, [::1]:1')).toEqual({ addresses: ['127.0.0.1', '::1'], port: 1 })
})

test.each(['unix:/run/orders.sock', 'unix:/run/a b:c', 'tcp:127.0.0.1:10809', 'tcp:[::1]:10809'])(
  '%s reads as it prints',
  (text) => {
    expect(diskAddressText(diskAddress('listen', text))).toBe(text)
  },
)
