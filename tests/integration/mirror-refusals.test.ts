import { chmodSync, mkdirSync, readdirSync, rmSync, lstatSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { MirrorPair } from './mirror-pair'
import { eventually } from './worker-host'

jest.setTimeout(120_000)

/** What an operator may get wrong, typed at a shell beside a pair that runs. */
let pair: MirrorPair
let squatter: Server
const at = (...names: string[]): string => join(pair.folder, ...names)

beforeAll(async () => {
  pair = await MirrorPair.mirrored('8M')
  writeFileSync(at('open.key'), '42'.repeat(32))
  chmodSync(at('open.key'), 0o644)
  writeFileSync(at('short.key'), '42', { mode: 0o600 })
  writeFileSync(at('other.key'), '43'.repeat(32), { mode: 0o600 })
  writeFileSync(at('full.img'), Buffer.alloc(8 * 2 ** 20, 1))
  writeFileSync(at('odd.img'), Buffer.alloc(2 ** 20 + 1, 1))
  writeFileSync(at('blank.img'), '')
  truncateSync(at('blank.img'), 8 * 2 ** 20)
  mkdirSync(at('broken'))
  writeFileSync(at('broken', 'mirror.json'), '{"format":2}')
  writeFileSync(at('plain-file'), '')
  symlinkSync(at('nowhere'), at('dangling'))
  writeFileSync(at('kept.sock.held'), 'precious')
  squatter = createServer()
  await new Promise<void>((resolve) => squatter.listen({ host: `${pair.net}.60`, port: 7801 }, resolve))
})

afterAll(async () => {
  await new Promise((resolve) => squatter.close(resolve))
  await pair.close()
})

/** A third side that would be right if nothing were changed: alone in its folder, its addresses free. */
const sound = (): Record<string, string> => ({
  ...{ name: 'other', host: 'c', folder: at('c'), replica: `file:${at('c.img')}`, listen: `unix:${at('c.sock')}`, size: '8M' },
  ...{ link: `${pair.net}.70:7801`, peer: `d=${pair.net}.80:7801`, witness: pair.witness, key: pair.keyFile },
})

const argumentsOf = (given: Record<string, string>): string[] =>
  Object.entries(given).flatMap(([option, value]) => (value === '' ? [] : [`--${option}`, ...(value === 'yes' ? [] : [value])]))

/** Everything below the folder but the logs and what the running pair keeps writing: its folders, and metadata beside its images. */
const listing = (): string[] =>
  readdirSync(pair.folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => !/\.log$|^(?:a|b|witness)(?:\/|$)|^[ab]\.img\./.test(name))
    .map((name) => {
      const { size, mtimeMs, mode } = lstatSync(at(name))
      return `${name} ${lstatSync(at(name)).isDirectory() ? 'folder' : `${size} ${mtimeMs}`} ${mode}`
    })
    .sort()

const WRONG: readonly [what: string, change: () => Record<string, string>, code: string, text: RegExp][] = [
  [
    'a key that others can read',
    () => ({ key: at('open.key') }),
    'MIRROR_OPTION',
    /--key .*\n.*can be read by others\.\n {2}to do: Run: chmod 600/,
  ],
  ['a key that is too short', () => ({ key: at('short.key') }), 'MIRROR_OPTION', /64 hex digits/],
  ['a key that is not there', () => ({ key: at('no.key') }), 'MIRROR_OPTION', /no\.key cannot be read/],
  [
    'a key that the witness does not know',
    () => ({ key: at('other.key'), create: 'yes' }),
    'MIRROR_CLAIM',
    /does not accept the key/,
  ],
  [
    'an address of another machine',
    () => ({ link: '203.0.113.7:7801' }),
    'MIRROR_OPTION',
    /203\.0\.113\.7 is no address of this machine/,
  ],
  ['a port that is taken', () => ({ link: `${pair.net}.60:7801` }), 'MIRROR_OPTION', /Another process listens there/],
  ['itself as peer', () => ({ peer: `c=${pair.net}.80:7801` }), 'MIRROR_OPTION', /called c, as this side is/],
  ['its own address as peer', () => ({ peer: `d=${pair.net}.70:7801` }), 'MIRROR_OPTION', /address of this side's --link/],
  [
    'plain beyond the loopback',
    () => ({ plain: 'yes', peer: 'd=10.0.0.2:7801' }),
    'MIRROR_OPTION',
    /not an address of the loopback/,
  ],
  ['no third vote', () => ({ witness: 'none' }), 'MIRROR_OPTION', /third vote/],
  ['a disk of no size', () => ({ size: '' }), 'MIRROR_REPLICA', /no size is given/],
  ['a disk of a strange size', () => ({ size: '8388609' }), 'MIRROR_OPTION', /sectors of 512 bytes/],
  ['a replica that is larger', () => ({ replica: `file:${at('full.img')}`, size: '4M' }), 'MIRROR_REPLICA', /has 8388608 bytes/],
  [
    'a replica that is smaller',
    () => ({ replica: `file:${at('full.img')}`, size: '16M' }),
    'MIRROR_REPLICA',
    /asks for 16777216/,
  ],
  [
    'a replica of a strange size',
    () => ({ replica: `file:${at('odd.img')}`, size: '' }),
    'MIRROR_REPLICA',
    /sectors of 512 bytes/,
  ],
  [
    'a replica with bytes of somebody',
    () => ({ replica: `file:${at('full.img')}` }),
    'MIRROR_REPLICA',
    /no replica of a mirror yet/,
  ],
  ['a replica of another mirror', () => ({ replica: `file:${pair.a.image}` }), 'MIRROR_REPLICA', /belongs to another mirror/],
  ['a replica that is a folder', () => ({ replica: `file:${at('broken')}` }), 'MIRROR_REPLICA', /is not a file/],
  ['a replica in no folder', () => ({ replica: `file:${at('no', 'c.img')}` }), 'MIRROR_REPLICA', /ENOENT/],
  ['a device that is a file', () => ({ replica: `dev:${at('full.img')}` }), 'MIRROR_REPLICA', /not a block device/],
  ['a link that leads nowhere', () => ({ replica: `file:${at('dangling')}`, create: 'yes' }), 'MIRROR_REPLICA', /leads nowhere/],
  ['a place where no file can be made', () => ({ replica: 'file:/proc/c.img', create: 'yes' }), 'MIRROR_REPLICA', /E[A-Z]+: /],
  ['a folder where none can be made', () => ({ folder: '/proc/holdfast/c' }), 'MIRROR_FOLDER', /ENOENT/],
  ['a server that is not there', () => ({ replica: `nbd:unix:${at('no.sock')}` }), 'MIRROR_REPLICA', /no\.sock/],
  [
    'a socket in no folder',
    () => ({ listen: `unix:${at('no', 'c.sock')}` }),
    'MIRROR_OPTION',
    /no folder that this user may write to/,
  ],
  ['a socket that is a file', () => ({ listen: `unix:${at('plain-file')}` }), 'MIRROR_OPTION', /exists and is no socket/],
  [
    'a socket beside which a file lies',
    () => ({ listen: `unix:${at('kept.sock')}` }),
    'MIRROR_OPTION',
    /kept\.sock\.held exists and is no socket/,
  ],
  ['a socket that is served', () => ({ listen: `unix:${pair.a.socket}` }), 'MIRROR_OPTION', /Another process serves it/],
  ['a socket with too long a path', () => ({ listen: `unix:/${'x'.repeat(107)}` }), 'MIRROR_OPTION', /may have 107/],
  ['a folder that is in use', () => ({ folder: pair.b.folder, host: 'b', name: 'orders' }), 'MIRROR_FOLDER', /serves it already/],
  ['a folder of another mirror', () => ({ folder: pair.b.folder }), 'MIRROR_FOLDER', /It belongs to orders on b/],
  ['a folder below a file', () => ({ folder: at('plain-file', 'c') }), 'MIRROR_FOLDER', /ENOTDIR/],
  ['a folder of a later release', () => ({ folder: at('broken') }), 'MIRROR_FOLDER', /later release/],
  ['a name that is taken', () => ({ name: 'orders' }), 'MIRROR_CLAIM', /held by a machine that is neither of c and d/],
  [
    'a second --create',
    () => ({ name: 'orders', peer: `a=${pair.net}.80:7801`, create: 'yes' }),
    'MIRROR_CLAIM',
    /a holds its claim/,
  ],
]

test.each(WRONG)('%s is refused, and nothing is changed', async (_, change, code, text) => {
  const before = listing()
  const { status, out, err } = await pair.a.pairRun(['serve', ...argumentsOf({ ...sound(), ...change() })])
  const refusal = err.slice(err.search(/^(?!\d{4}-)/m))
  expect({ status, out, refusal }).toMatchObject({ status: 2, out: '', refusal: expect.stringMatching(text) as string })
  expect(refusal).toMatch(/^.+\n {2}why: {3}.+\n {2}to do: .+\n {2}code: {2}HOLDFAST_\w+\n$/)
  expect(refusal).toContain(`code:  HOLDFAST_${code}\n`)
  expect(listing()).toEqual(before)
})

test('a folder that was stopped belongs to its mirror, and a replica that went is missed', async () => {
  expect(await pair.b.run('stop')).toMatchObject({ status: 0 })
  await pair.b.serve.ended
  const start = (change: Record<string, string>) =>
    pair.a.pairRun(['serve', ...pair.b.arguments(...argumentsOf(change))]).then(({ status, err }) => ({ status, err }))
  expect(await start({ name: 'other' })).toMatchObject({
    status: 2,
    err: expect.stringContaining('It belongs to orders on b') as string,
  })
  expect(await start({ host: 'c' })).toMatchObject({ status: 2, err: expect.stringContaining('--host says c') as string })
  for (const name of readdirSync(pair.folder)) if (name.startsWith('b.img')) rmSync(at(name))
  expect(await start({})).toMatchObject({ status: 2, err: expect.stringContaining('Is its file system mounted?') as string })
  pair.b.start('--overwrite')
  await pair.untilMirrored(pair.a)
})

test('an image that nothing was written to is taken without a word, one with bytes keeps them under --create', async () => {
  await expectServed({ replica: `file:${at('blank.img')}` }, 'no claim yet')
  await expectServed(
    { replica: `file:${at('full.img')}`, folder: at('e'), create: 'yes', name: 'kept' },
    'primary: the disk is served here',
  )
})

async function expectServed(change: Record<string, string>, sign: string): Promise<void> {
  const side = pair.side('c')
  side.startAs(argumentsOf({ ...sound(), ...change }))
  await eventually(sign, () => Promise.resolve(side.serve.log().includes(sign) ? true : null))
  await side.kill()
}
