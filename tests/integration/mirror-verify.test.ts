import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { MirrorPair } from './mirror-pair'

jest.setTimeout(120_000)

const BLOCK = 65_536
let pair: MirrorPair
beforeAll(async () => {
  pair = await MirrorPair.mirrored('8M')
})
afterAll(() => pair.close())

/** Behind the worker's back, as a disk does that forgets or invents. */
function damage(image: string, offset: number, bytes: Buffer): void {
  const file = openSync(image, 'r+')
  writeSync(file, bytes, 0, bytes.length, offset)
  closeSync(file)
}

test('two replicas that hold the same', async () => {
  expect(await pair.a.run('verify')).toEqual({ status: 0, err: '', out: 'orders: both replicas hold the same.\n' })
})

test('what differs is told, stays as it is, and is repaired from the side that is read when that is asked for', async () => {
  damage(pair.b.image, 3 * BLOCK + 5, Buffer.from('wrong'))
  damage(pair.b.image, 7 * BLOCK, Buffer.alloc(BLOCK + 1, 9))
  const told = await pair.a.run('verify')
  expect(told.status).toBe(3)
  expect(told.out.split('\n')).toEqual([
    'DISK    OFFSET  BYTES',
    'orders  196608  65536   differs',
    'orders  458752  131072  differs',
    '',
    `192 KiB differed. To make them the same: holdfast mirror verify --folder ${pair.a.folder} --repair`,
    '',
  ])
  expect(readFileSync(pair.b.image)[7 * BLOCK]).toBe(9)
  const repaired = await pair.a.run('verify', '--repair', '--json')
  expect(JSON.parse(repaired.out)).toMatchObject([
    { device: 'orders', verify: { state: 'done', differingBytes: 3 * BLOCK, repaired: true, why: '' } },
  ])
  expect((await pair.a.run('verify')).out).toBe('orders: both replicas hold the same.\n')
  pair.expectSameBytes()
})

test('one that is under way is not replaced by another that would do something else', async () => {
  const [begun, same, other] = await Promise.allSettled([
    pair.a.ask('verify', { repair: true }),
    pair.a.ask('verify', { repair: true }),
    pair.a.ask('verify', { repair: false }),
  ])
  expect([begun.status, same.status]).toEqual(['fulfilled', 'fulfilled'])
  expect(other).toMatchObject({ status: 'rejected', reason: { code: 'HOLDFAST_VERIFY_UNDER_WAY', facts: { does: 'repairs' } } })
  await pair.a.until('it is over', ({ volumes }) => volumes[0]?.verify?.state === 'done')
})

test('it is asked on the primary, while both replicas count', async () => {
  const onSecondary = await pair.b.run('verify')
  expect(onSecondary).toMatchObject({ status: 2, out: '' })
  expect(onSecondary.err.split('\n')).toEqual([
    'The replicas of mirror orders were not compared on b.',
    '  why:   This side is not the primary.',
    '  to do: Ask for it on a.',
    '  code:  HOLDFAST_MIRROR_NOT_COMPARED',
    '',
  ])
  await pair.b.kill()
  await pair.a.until('it is alone', ({ degraded }) => degraded !== '')
  const alone = await pair.a.run('verify')
  expect(alone).toMatchObject({ status: 2, out: '' })
  expect(alone.err).toMatch(
    / {2}why: {3}Only one replica can be used now: the peer is not connected\.\n {2}to do: Wait until holdfast mirror/,
  )
})
