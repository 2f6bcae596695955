import { cpSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADDONS, NO_NATIVE } from '../contracts/native-addon'
import { MirrorPair } from './mirror-pair'
import { run } from './run-client'

/** What clients that we did not write make of what a mirror knows to be empty. */
jest.setTimeout(120_000)
const MIB = 1024 * 1024
const SIZE = 512 * MIB
const DATA_AT = 100 * MIB
const withAddon = NO_NATIVE === '' ? test : test.skip

interface Stretch {
  readonly offset: number
  readonly length: number
  readonly type: number
}

let pair: MirrorPair
afterEach(() => pair.close())

async function sparse(): Promise<string> {
  pair = new MirrorPair('512M')
  cpSync(ADDONS, join(pair.folder, 'lib'), { recursive: true })
  await pair.begin()
  await pair.a.untilServed()
  const uri = `nbd+unix:///orders?socket=${pair.a.socket}`
  expect(await io(uri, `write -P 7 ${DATA_AT} 1M`, `write -P 8 ${SIZE - MIB} 1M`, 'flush')).toContain('wrote')
  return uri
}

async function io(uri: string, ...commands: string[]): Promise<string> {
  const { status, output } = await run('qemu-io', '-f', 'raw', uri, ...commands.flatMap((command) => ['-c', command]))
  expect({ status, output }).toMatchObject({ status: 0, output: expect.not.stringMatching(/fail|error/i) as string })
  return output
}

async function map(uri: string): Promise<Stretch[]> {
  const { status, output } = await run('nbdinfo', '--map', '--json', uri)
  expect(status).toBe(0)
  return (JSON.parse(output) as Stretch[]).map(({ offset, length, type }) => ({ offset, length, type }))
}

const HOLE = 3
const DATA = 0
const EXPECTED: readonly Stretch[] = [
  { offset: 0, length: DATA_AT, type: HOLE },
  { offset: DATA_AT, length: MIB, type: DATA },
  { offset: DATA_AT + MIB, length: SIZE - DATA_AT - 2 * MIB, type: HOLE },
  { offset: SIZE - MIB, length: MIB, type: DATA },
]

withAddon('nbdinfo and QEMU see the holes of a mirrored disk, and what changes', async () => {
  const uri = await sparse()
  expect(await map(uri)).toEqual(EXPECTED)
  const { output } = await run('qemu-img', 'map', '-f', 'raw', '--output=json', uri)
  const seen = (JSON.parse(output) as { start: number; length: number; data: boolean; zero: boolean }[]).map(
    ({ start, length, data, zero }) => ({ start, length, data, zero }),
  )
  expect(seen).toEqual(
    EXPECTED.map(({ offset, length, type }) => ({ start: offset, length, data: type === DATA, zero: type === HOLE })),
  )

  await io(uri, `discard ${DATA_AT} 1M`, 'write -P 9 0 64k')
  expect(await map(uri)).toEqual([
    { offset: 0, length: 65_536, type: DATA },
    { offset: 65_536, length: SIZE - MIB - 65_536, type: HOLE },
    { offset: SIZE - MIB, length: MIB, type: DATA },
  ])
})

withAddon('copies of it are sparse, whole, and read little', async () => {
  const uri = await sparse()
  const copies = ['convert', 'nbdcopy'].map((name) => join(pair.folder, name))
  const before = readBytes(pair.a.workerPid ?? 0)
  expect(await run('qemu-img', 'convert', '-f', 'raw', '-O', 'raw', uri, copies[0] ?? '')).toMatchObject({ status: 0 })
  writeFileSync(copies[1] ?? '', '')
  truncateSync(copies[1] ?? '', SIZE)
  expect(await run('nbdcopy', '--destination-is-zero', uri, copies[1] ?? '')).toMatchObject({ status: 0 })
  // Twice two MiB, and some for the talk about it.
  expect(readBytes(pair.a.workerPid ?? 0) - before).toBeLessThan(16 * MIB)
  const whole = readFileSync(pair.a.image)
  for (const copy of copies) {
    expect(statSync(copy).blocks * 512).toBeLessThan(4 * MIB)
    expect(readFileSync(copy).equals(whole)).toBe(true)
  }
})

withAddon('of a disk that is served from the peer nothing is said', async () => {
  const uri = await sparse()
  truncateSync(pair.a.image, 0)
  const unknown = [{ offset: 0, length: SIZE, type: DATA }]
  expect(await map(uri)).toEqual(unknown)
  expect(await io(uri, `read -P 7 ${DATA_AT} 1M`)).toContain('read 1048576/1048576')
  await pair.a.until('its own replica is out', ({ volumes }) => volumes[0]?.localReplica === 'failed')
  expect(await map(uri)).toEqual(unknown)
})

test('without the addon the whole disk counts as data', async () => {
  pair = new MirrorPair('512M')
  await pair.begin()
  await pair.a.untilServed()
  expect(await map(`nbd+unix:///orders?socket=${pair.a.socket}`)).toEqual([{ offset: 0, length: SIZE, type: DATA }])
})

/** What this process has read, by whatever way. */
const readBytes = (pid: number): number => Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1] ?? Number.NaN)
