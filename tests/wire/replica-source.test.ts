import { Refusal } from '../../lib/core/domain/errors'
import { formatReplicaSource, isLoopback, type NbdSource, type ReplicaSource } from '../../lib/wire/replica-source'
import { parseReplicaSource } from '../../lib/wire/replica-source-parse'
import { Dice } from '../world/prng'
import { SEED } from './seeded'

const nbd = (source: Omit<NbdSource, 'kind'>): NbdSource => ({ kind: 'nbd', ...source })
const local = { unix: '/run/d.sock' }
const tls = { certificates: '/etc/nbd' }

describe('a replica as text', () => {
  test.each<[string, ReplicaSource]>([
    ['file:/srv/a b.img', { kind: 'file', path: '/srv/a b.img' }],
    ['file:/srv/50%:1?#.img', { kind: 'file', path: '/srv/50%:1?#.img' }],
    ['dev:/dev/vg0/disk', { kind: 'device', path: '/dev/vg0/disk' }],
    ['nbd:unix:/run/d.sock', nbd({ address: local, exportName: '' })],
    ['nbd:unix:/run/d.sock:a:b%20', nbd({ address: local, exportName: 'a:b%20' })],
    ['nbd:tcp:127.0.0.1:10809', nbd({ address: { host: '127.0.0.1', port: 10809 }, exportName: '' })],
    ['nbd:tcp:localhost:1:disk', nbd({ address: { host: 'localhost', port: 1 }, exportName: 'disk' })],
    ['nbd:tcp:[::1]:65535:x:y', nbd({ address: { host: '::1', port: 65535 }, exportName: 'x:y' })],
    ['nbd://localhost', nbd({ address: { host: 'localhost', port: 10809 }, exportName: '' })],
    ['nbd://localhost/', nbd({ address: { host: 'localhost', port: 10809 }, exportName: '' })],
    ['nbd://127.0.0.2:7/a/../b%2Fc+d', nbd({ address: { host: '127.0.0.2', port: 7 }, exportName: 'a/../b/c+d' })],
    ['nbd://[::1]/d', nbd({ address: { host: '::1', port: 10809 }, exportName: 'd' })],
    ['nbd+unix:///?socket=/run/d.sock', nbd({ address: local, exportName: '' })],
    ['nbd+unix:///d?socket=%2Frun%2Fa%3Ab', nbd({ address: { unix: '/run/a:b' }, exportName: 'd' })],
    ['nbd+unix:///d?socket=/run/d.sock&dialect=tapdisk', nbd({ address: local, exportName: 'd', dialect: 'tapdisk' })],
    ['nbd+unix:///d?write-through=yes&socket=/run/d.sock', nbd({ address: local, exportName: 'd', writeThrough: true })],
    ['nbds://h.example/d?tls-certificates=/etc/nbd', nbd({ address: { host: 'h.example', port: 10809 }, exportName: 'd', tls })],
    [
      'nbds://[fe80::1%25eth0]:9/d?tls-certificates=/etc/nbd&tls-hostname=h',
      nbd({ address: { host: 'fe80::1%eth0', port: 9 }, exportName: 'd', tls: { ...tls, hostname: 'h' } }),
    ],
    [
      'nbds+unix:///d?socket=/run/d.sock&tls-certificates=/etc/nbd&tls-hostname=h',
      nbd({ address: local, exportName: 'd', tls: { ...tls, hostname: 'h' } }),
    ],
  ])('%s', (text, source) => {
    expect(parseReplicaSource(text)).toEqual(source)
    expect(parseReplicaSource(formatReplicaSource(source))).toEqual(source)
  })

  test.each([
    ['', /begins with none of/, /file:\/path/],
    ['/srv/a.img', /what kind/, /file:\/srv\/a\.img/],
    ['FILE:/srv/a.img', /begins with none of/, /file:/],
    ['nbd:', /begins with none of/, /nbd:unix/],
    ['file:a.img', /does not begin with a slash/, /whole path/],
    ['file:/srv/', /names a folder/, /image itself/],
    ['dev:/', /is the root/, /device itself/],
    ['file:/srv/a\nb', /control character/, /Rename/],
    ['file:/srv/\ud800', /control character/, /Rename/],
    [`file:/${'é'.repeat(2048)}`, /longer than 4095 bytes/, /shorter/],
    [`nbd:unix:/${'d'.repeat(107)}`, /longer than 107 bytes/, /shorter/],
    ['nbd:unix:/run/d.sock:d?dialect=tapdisk', /question mark/, /nbd\+unix:\/\/\/name\?socket/],
    ['nbd:tcp:localhost:1:d?write-through=yes', /question mark/, /nbd:\/\/host/],
    ['nbd:unix:', /does not begin with a slash/, /whole path/],
    ['nbd:tcp:localhost', /no port/, /host:port/],
    ['nbd:tcp:localhost:', /"" is no port/, /1 to 65535/],
    ['nbd:tcp:localhost:0', /"0" is no port/, /1 to 65535/],
    ['nbd:tcp:localhost:65536', /"65536" is no port/, /1 to 65535/],
    ['nbd:tcp:::1:7', /"" is no host/, /brackets/],
    ['nbd:tcp:a b:7', /"a b" is no host/, /brackets/],
    ['nbd:tcp:10.0.0.1:7', /plain text/, /nbds:\/\//],
    ['nbd://10.0.0.1:7/d', /plain text/, /nbds:\/\//],
    ['nbd://127.0.0.1.example/d', /plain text/, /nbds:\/\//],
    ['nbd:///d', /"" is no host/, /name or address/],
    ['nbd://::1/d', /cannot be told apart/, /brackets/],
    ['nbd://localhost:x/d', /"x" is no port/, /1 to 65535/],
    ['nbd://localhost/d#1', /number sign/, /%23/],
    ['nbd://localhost/d%', /percent sign/, /%25/],
    ['nbd://localhost/%0a', /control character/, /Rename/],
    ['nbd://me@localhost/d', /names a user/, /Leave out/],
    ['nbd://localhost/d?socket=/x', /no socket/, /nbd\+unix/],
    ['nbd://localhost/d?tls-certificates=/x', /without/, /nbds:/],
    [`nbd://localhost/${'n'.repeat(4097)}`, /longer than 4096 bytes/, /lists/],
    ['nbd+unix://host/d?socket=/x', /no host/, /three slashes/],
    ['nbd+unix:///d', /which socket/, /\?socket=/],
    ['nbd+unix:///d?socket=/x&socket=/y', /given twice/, /once/],
    ['nbd+unix:///d?socket=/x&fast=yes', /no parameter "fast"/, /none but socket/],
    ['nbd+unix:///d?socket=/x&dialect=qemu', /dialect is "qemu"/, /dialect=tapdisk/],
    ['nbd+unix:///d?socket=/x&write-through=no', /write-through is "no"/, /leave it out/],
    ['nbds://h/d', /whom to trust/, /tls-certificates=/],
    ['nbds://h/d?tls-certificates=etc', /does not begin with a slash/, /whole path/],
    ['nbds://h/d?tls-certificates=/etc&tls-hostname=', /is empty/, /name in the certificate/],
    ['nbds+unix:///d?socket=/x&tls-certificates=/etc', /no name/, /tls-hostname=/],
    ['x'.repeat(20_000), /longer than 16384/, /shorter/],
  ])('refused: %j', (text, reason, todo) => {
    const refusal = refused(text)
    expect(refusal.code).toBe('HOLDFAST_BAD_REPLICA')
    expect(refusal.facts['reason']).toMatch(reason)
    expect(refusal.facts['todo']).toMatch(todo)
    expect(refusal.message).not.toMatch(/[\n\ud800]/u)
    expect(refusal.message.length).toBeLessThan(600)
  })

  test.each(['127.0.0.1', '127.9.8.7', '::1', 'localhost'])('%s is loopback', (host) => expect(isLoopback(host)).toBe(true))
  test.each(['10.0.0.1', '127.example', '127.0.0.1.nip.io', '::ffff:127.0.0.1', '::2', 'localhost.example', ''])(
    '%j is not loopback',
    (host) => expect(isLoopback(host)).toBe(false),
  )
})

const refused = (text: string): Refusal => {
  try {
    parseReplicaSource(text)
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error(`accepted: ${text}`)
}

describe(`any replica (HOLDFAST_TEST_SEED=${SEED})`, () => {
  let dice = new Dice(SEED)
  const LETTERS = Array.from('abz019 -_.~!*\'()+=&;,@$%:?#[]{}|\\"<>^`/é中🦉')
  const word = (lengthMax: number): string => Array.from({ length: dice.below(lengthMax) }, () => dice.of(LETTERS)).join('')
  const path = (): string => `/${word(20)}x`
  const source = (): ReplicaSource => {
    const kind = dice.of(['file', 'device', 'nbd'] as const)
    if (kind !== 'nbd') return { kind, path: path() }
    const certificates = { certificates: path(), ...(dice.chance(0.5) ? { hostname: `${word(9)}h` } : {}) }
    const port = 1 + dice.below(65_535)
    const [address, safety] = dice.of<[NbdSource['address'], Pick<NbdSource, 'tls'>]>([
      [{ unix: path() }, {}],
      [{ unix: path() }, { tls: { ...certificates, hostname: `${word(9)}h` } }],
      [{ host: dice.of(['127.0.0.1', '::1', 'localhost']), port }, {}],
      [{ host: dice.of(['h-1.example', '10.1.2.3', 'fe80::1%eth0', '2001:db8::7']), port }, { tls: certificates }],
    ])
    const tapdisk = dice.chance(0.3) ? { dialect: 'tapdisk' as const } : {}
    const through = dice.chance(0.3) ? { writeThrough: true } : {}
    return { kind, address, exportName: word(30), ...safety, ...tapdisk, ...through }
  }

  test('reads as what it was written from, and in one line of plain text', () => {
    for (let round = 0; round < 3000; round++) {
      const made = source()
      const text = formatReplicaSource(made)
      expect(parseReplicaSource(text)).toEqual(made)
      expect(formatReplicaSource(parseReplicaSource(text))).toBe(text)
    }
  })

  test('damaged text is read or refused, never anything else, and what is read can be written', () => {
    let refusals = 0
    // Of the first the refusals are known; the second is of this run.
    for (const seed of [1, SEED]) {
      dice = new Dice(seed)
      for (let round = 0; round < 2500; round++) {
        const letters = Array.from(formatReplicaSource(source()))
        for (let turns = 1 + dice.below(3); turns > 0; turns--) letters.splice(dice.below(letters.length), dice.below(3), word(3))
        try {
          const read = parseReplicaSource(letters.join(''))
          expect(parseReplicaSource(formatReplicaSource(read))).toEqual(read)
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          refusals++
        }
      }
    }
    expect(refusals).toBeGreaterThan(500)
  })
})
