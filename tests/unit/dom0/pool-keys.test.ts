import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostAndPort } from '../../../lib/dom0/socket/host-and-port'
import { nextIncarnation } from '../../../lib/dom0/heartbeat/incarnation'
import { PoolKeys, PoolKeyUnusable, readPoolKey } from '../../../lib/dom0/witness/pool-keys'

const ONE = '11111111-0000-4000-8000-000000000001'
const TWO = '22222222-0000-4000-8000-000000000002'
let directory = ''
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'holdfast-keys-'))))
afterEach(() => rmSync(directory, { recursive: true }))

function keyFile(name: string, byte: number, mode = 0o600): string {
  const path = join(directory, name)
  writeFileSync(path, `${Buffer.alloc(32, byte).toString('hex')}\n`)
  chmodSync(path, mode)
  return path
}
const first = (key: Buffer | null) => key?.[0] ?? null

test('one key of any name serves every pool', () => {
  const keys = new PoolKeys([keyFile('pool.key', 7)], null)
  expect([ONE, TWO].map((pool) => first(keys.keyOf(pool)))).toEqual([7, 7])
  expect(keys.keyOf('../../etc/passwd')).toBeNull()
})

test('a key named after a pool serves that pool only', () => {
  const named = [keyFile(`${ONE}.key`, 1), keyFile(`${TWO}.key`, 2)]
  expect([ONE, TWO].map((pool) => first(new PoolKeys(named, null).keyOf(pool)))).toEqual([1, 2])
  expect(new PoolKeys(named.slice(0, 1), null).keyOf(TWO)).toBeNull()
  expect(first(new PoolKeys([...named.slice(0, 1), keyFile('any', 9)], null).keyOf(TWO))).toBe(9)
})

test('a folder serves the pools it names, also those added later', () => {
  keyFile(`${ONE}.key`, 1)
  const keys = new PoolKeys([], directory)
  expect(keys.keyOf(TWO)).toBeNull()
  keyFile(`${TWO}.key`, 2)
  expect([ONE, TWO].map((pool) => first(keys.keyOf(pool)))).toEqual([1, 2])
})

test.each<[string, () => unknown, RegExp]>([
  ['open to others', () => readPoolKey(keyFile('k', 1, 0o644)), /can be read by others.*chmod 600/],
  ['absent', () => readPoolKey(join(directory, 'nothing')), /cannot be read.*ENOENT/],
  ['a folder', () => readPoolKey(directory), /cannot be read.*EISDIR/],
  ['not given', () => new PoolKeys([], null), /no key is given/],
  ['ambiguous', () => new PoolKeys([keyFile('a', 1), keyFile('b', 2)], null), /Name each <pool uuid>.key/],
])('a key that is %s is refused in words', (_, use, text) => {
  expect(use).toThrow(PoolKeyUnusable)
  expect(use).toThrow(text)
})

test.each(['', 'ab', 'zz'.repeat(32), 'ab'.repeat(33)])('%j is not a key', (content) => {
  const path = keyFile('k', 1)
  writeFileSync(path, content)
  expect(() => readPoolKey(path)).toThrow(/64 hex digits.*openssl rand/)
})

test.each<[string, string, number]>([
  ['10.0.0.1:7788', '10.0.0.1', 7788],
  ['witness.example:1', 'witness.example', 1],
  ['[fe80::1%eth0]:65535', 'fe80::1%eth0', 65_535],
])('%s is an address', (text, host, port) => expect(hostAndPort(text)).toEqual({ host, port }))

test.each(['', 'host', 'host:', ':1', 'a:b:1', '[::1]', 'host:65536', 'host:-1'])('%j is no address', (text) => {
  expect(() => hostAndPort(text)).toThrow(TypeError)
})

test('incarnations grow, whatever the wall clock does and whatever happens to the file', () => {
  const file = join(directory, 'incarnation')
  expect(nextIncarnation(file, 1000)).toBe(1000)
  expect(nextIncarnation(file, 1000)).toBe(1001)
  expect(nextIncarnation(file, 5)).toBe(1002)
  expect(nextIncarnation(file, 2000.9)).toBe(2000)
  writeFileSync(file, 'garbage')
  expect(nextIncarnation(file, 3000)).toBe(3000)
})
