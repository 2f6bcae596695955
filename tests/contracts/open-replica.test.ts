import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/replica/open-replica'
import type { StoredReplica } from '../../lib/ports/replica-store'
import type { ReplicaSource } from '../../lib/wire/replica-source'
import type { WorkerVolume } from '../../lib/wire/worker-api'
import { emptyImage } from './block-keepers'
import { LoopDevice, NO_LOOPS } from './loop-device'
import { OtherNbdServer } from './other-nbd-server'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const NOTHING_TRACKED = { hot: [], pages: new Map() }
/** Every block of 8 MiB. */
const ALL_DIRTY = { hot: [], pages: new Map([[0, Buffer.concat([Buffer.alloc(16, 0xff), Buffer.alloc(4080)])]]) }
const PAGE = Buffer.concat([Buffer.from([1, 2]), Buffer.alloc(4094)])
const FORMAT_1 =
  '{"format":1,"generation":7,"metadata":{"format":1,"volume":"6a0b7e1c-0000-4000-8000-000000000001","replica":"f00d",' +
  '"sizeBytes":8388608,"term":3,"state":"up-to-date"},' +
  '"sha256":"609bae93653193df8ad9403a729537645b2851f35e1aeef852f2cd2ae14730d8"}\n'

describe('opening a replica', () => {
  let folder = ''
  let volume: WorkerVolume
  let open: StoredReplica | null = null
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-replica-'))
    volume = { key: volumeKey('6a0b7e1c-0000-4000-8000-000000000001'), sizeBytes: 8 * MIB, path: join(folder, 'disk.raw') }
  })
  afterEach(async () => {
    await open?.close()
    open = null
    rmSync(folder, { recursive: true })
  })
  const reopen = async (create: boolean, what: WorkerVolume = volume): Promise<StoredReplica> => {
    await open?.close()
    open = null
    return (open = await openReplica(what, create))
  }
  const firstByte = async (replica: StoredReplica): Promise<number> => {
    const byte = Buffer.alloc(1)
    await replica.device.read(0, byte)
    return byte.readUInt8(0)
  }

  test('a missing one is made only when asked: empty, inconsistent, of term 0', async () => {
    await expect(reopen(false)).rejects.toMatchObject({ code: 'ENOENT' })
    const { metadata, device } = await reopen(true)
    expect(metadata).toMatchObject({ volume: volume.key, sizeBytes: 8 * MIB, term: 0, state: 'inconsistent' })
    expect(device.sizeBytes).toBe(8 * MIB)
    expect(statSync(volume.path).blocks).toBe(0)
  })

  test('keeps bytes, identity and what was saved', async () => {
    const made = await reopen(true)
    await made.device.write(0, Buffer.from([9]))
    await Promise.all([made.save({ term: 7 }), made.save({ state: 'up-to-date' })])
    expect(made.metadata).toMatchObject({ term: 7, state: 'up-to-date' })
    const { metadata } = made
    for (const create of [false, true]) {
      const again = await reopen(create)
      expect(again.metadata).toEqual(metadata)
      expect(await firstByte(again)).toBe(9)
    }
  })

  test.each(['the image', 'the metadata', 'whole metadata'])(
    'without %s it counts as missing, and a new one is empty',
    async (lost) => {
      const made = await reopen(true)
      await made.device.write(0, Buffer.from([9]))
      const { replica } = made.metadata
      const copies = [`${volume.path}.meta.json`, `${volume.path}.meta.2.json`]
      if (lost === 'the image') unlinkSync(volume.path)
      if (lost === 'the metadata') copies.forEach((path) => unlinkSync(path))
      if (lost === 'whole metadata') copies.forEach((path) => writeFileSync(path, '{"format":'))
      await expect(reopen(false)).rejects.toMatchObject({ code: lost === 'whole metadata' ? 'METADATA_DAMAGED' : 'ENOENT' })
      const anew = await reopen(true)
      expect(anew.metadata.replica).not.toBe(replica)
      expect(anew.metadata.state).toBe('inconsistent')
      expect(await firstByte(anew)).toBe(0)
    },
  )

  test('keeps its generations, its activity log and its dirty bitmap', async () => {
    const made = await reopen(true)
    expect(made.tracking).toEqual(NOTHING_TRACKED)
    expect(made.metadata.generations).toEqual({ current: '', bitmap: '', former: '', history: [] })
    const generations = { current: '00112233445566ff', bitmap: '0000000000000001', former: '', history: ['ffffffffffffffff'] }
    await Promise.all([made.save({ generations }), made.saveHot([1, 0]), made.savePages(new Map([[0, PAGE]]))])
    const again = await reopen(false)
    expect(again.metadata.generations).toEqual(generations)
    expect(again.tracking).toEqual({ hot: [1, 0], pages: new Map([[0, PAGE]]) })
  })

  test('one that is made anew has nothing of the old one', async () => {
    const made = await reopen(true)
    await Promise.all([made.saveHot([1]), made.savePages(new Map([[0, PAGE]]))])
    for (const copy of ['', '.2']) unlinkSync(`${volume.path}.meta${copy}.json`)
    expect((await reopen(true)).tracking).toEqual(NOTHING_TRACKED)
    expect((await reopen(false)).tracking).toEqual(NOTHING_TRACKED)
  })

  test('of format 1: nothing is known of its blocks, and it is of format 3 from the first save on', async () => {
    volume = { ...volume, path: emptyImage(folder, 8 * MIB) }
    for (const copy of ['', '.2']) writeFileSync(`${volume.path}.meta${copy}.json`, FORMAT_1)
    for (const times of [1, 2]) {
      const found = await reopen(times === 1)
      expect(found.tracking).toBe('lost')
      expect(found.metadata).toMatchObject({ replica: 'f00d', term: 3, state: 'up-to-date', generations: { current: '' } })
    }
    await open?.save({ term: 4 })
    const found = await reopen(false)
    expect(found.tracking).toEqual(ALL_DIRTY)
    expect(found.metadata).toMatchObject({ replica: 'f00d', term: 4 })
  })

  test('an image that is shorter than it was is refused and left alone', async () => {
    const made = await reopen(true)
    await made.device.write(8 * MIB - 1, Buffer.from([9]))
    truncateSync(volume.path, 8 * MIB - 512)
    for (const sizeBytes of [8 * MIB, 12 * MIB]) {
      for (const create of [false, true]) {
        await expect(reopen(create, { ...volume, sizeBytes })).rejects.toMatchObject({ code: 'ESIZE' })
        expect(statSync(volume.path).size).toBe(8 * MIB - 512)
      }
    }
  })

  test.each([8 * MIB, 9 * MIB, 12 * MIB])(
    'grows on from %i bytes after a crash, and what is new reads as zeroes',
    async (reached) => {
      const made = await reopen(true)
      await made.device.write(8 * MIB - 1, Buffer.from([9]))
      await made.saveHot([1])
      await made.close()
      open = null
      // Whatever somebody left there.
      if (reached > 8 * MIB) appendFileSync(volume.path, 'rest')
      truncateSync(volume.path, reached)
      const grown = await reopen(false, { ...volume, sizeBytes: 12 * MIB })
      expect(grown.tracking).toEqual({ hot: [1], pages: new Map() })
      const bytes = Buffer.alloc(2, 1)
      await grown.device.read(8 * MIB - 1, bytes)
      expect([...bytes]).toEqual([9, 0])
      await grown.saveHot([2])
    },
  )

  test("another volume's is refused, and left alone", async () => {
    await reopen(true)
    const other = { ...volume, key: volumeKey('6a0b7e1c-0000-4000-8000-000000000002') }
    await expect(reopen(true, other)).rejects.toMatchObject({ code: 'EVOLUME' })
    expect((await reopen(false)).metadata.volume).toBe(volume.key)
  })

  test('grows with its volume, never shrinks', async () => {
    const made = await reopen(true)
    await made.device.write(0, Buffer.from([9]))
    const grown = await reopen(false, { ...volume, sizeBytes: 12 * MIB })
    expect(grown.device.sizeBytes).toBe(12 * MIB)
    expect(grown.metadata.sizeBytes).toBe(12 * MIB)
    expect(await firstByte(grown)).toBe(9)
    await expect(reopen(false)).rejects.toMatchObject({ code: 'ESIZE' })
    expect(statSync(volume.path).size).toBe(12 * MIB)
  })

  test('one of a later release is refused even when a new one may be made', async () => {
    await reopen(true)
    for (const copy of ['', '.2']) writeFileSync(`${volume.path}.meta${copy}.json`, '{"format":4}')
    await expect(reopen(true)).rejects.toMatchObject({ code: 'METADATA_NEWER' })
  })
})

const describeLoops = NO_LOOPS === '' ? describe : describe.skip

describeLoops(`another device${NO_LOOPS === '' ? '' : ` (left out: ${NO_LOOPS})`}`, () => {
  let folder = ''
  const loops: LoopDevice[] = []
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-replica-'))))
  afterEach(() => {
    for (const loop of loops.splice(0)) loop.detach()
    rmSync(folder, { recursive: true })
  })
  const put = (image: string): void => {
    const loop = LoopDevice.attach(join(folder, image))
    loops.push(loop)
    rmSync(join(folder, 'slot'), { force: true })
    symlinkSync(loop.path, join(folder, 'slot'))
  }

  test('in the place of one that was open is not taken for it, nor written to; the old one is, wherever it is found', async () => {
    for (const image of ['old', 'new']) writeFileSync(join(folder, image), Buffer.alloc(8 * MIB, image))
    const source = { kind: 'device', path: join(folder, 'slot') } as const
    const key = volumeKey('6a0b7e1c-0000-4000-8000-000000000001')
    const volume = { key, sizeBytes: 8 * MIB, path: 'source', source, metadata: join(folder, 'a-replica') }
    put('old')
    const made = await openReplica(volume, true)
    await made.save({ state: 'up-to-date', term: 3 })
    await made.close()
    put('new')
    for (const create of [false, true]) await expect(openReplica(volume, create)).rejects.toMatchObject({ code: 'EREPLACED' })
    expect(readFileSync(join(folder, 'new')).equals(Buffer.alloc(8 * MIB, 'new'))).toBe(true)
    // Put back, it has another number.
    put('old')
    const again = await openReplica(volume, false)
    expect([again.metadata.replica, again.metadata.term]).toEqual([made.metadata.replica, 3])
    await again.close()
    // So the operator gives the old one up.
    put('new')
    for (const copy of ['', '.2']) unlinkSync(`${volume.metadata}.meta${copy}.json`)
    const anew = await openReplica(volume, true)
    expect(anew.metadata.replica).not.toBe(made.metadata.replica)
    await anew.close()
  })
})

interface Kept {
  readonly source: ReplicaSource
  readonly stop: () => Promise<void> | void
}

const keepers: readonly { readonly name: string; readonly keep: (folder: string) => Kept | Promise<Kept> }[] = [
  ...(NO_LOOPS === ''
    ? [
        {
          name: 'a block device',
          keep: (folder: string) => {
            const loop = LoopDevice.empty(join(folder, 'image'), 8 * MIB)
            return { source: { kind: 'device', path: loop.path } as const, stop: () => loop.detach() }
          },
        },
      ]
    : []),
  {
    name: 'an NBD server',
    keep: async (folder) => {
      const server = await OtherNbdServer.qemu(folder, emptyImage(folder, 8 * MIB))
      return { source: server.source, stop: () => server.stop() }
    },
  },
]

describe.each(keepers)('a replica on $name', ({ keep }) => {
  let folder = ''
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-replica-'))))
  afterEach(() => rmSync(folder, { recursive: true }))

  test('has its metadata where it is told, and is zeroed when it is made', async () => {
    const { source, stop } = await keep(folder)
    try {
      const key = volumeKey('6a0b7e1c-0000-4000-8000-000000000001')
      const volume = { key, sizeBytes: 8 * MIB, path: 'source', source, metadata: join(folder, 'a-replica') }
      await expect(openReplica(volume, false)).rejects.toMatchObject({ code: 'ENOENT' })
      for (const life of [1, 2]) {
        const made = await openReplica(volume, true)
        const bytes = Buffer.alloc(4, 1)
        await made.device.read(4 * MIB, bytes)
        expect([life, ...bytes]).toEqual([life, 0, 0, 0, 0])
        await made.device.write(4 * MIB, Buffer.from('data'))
        await made.device.flush()
        await made.saveHot([1])
        await made.close()
        const again = await openReplica(volume, false)
        await again.device.read(4 * MIB, bytes)
        expect([bytes.toString(), again.tracking]).toEqual(['data', { hot: [1], pages: new Map() }])
        await again.close()
        for (const copy of ['', '.2']) unlinkSync(`${volume.metadata}.meta${copy}.json`)
      }
      await expect(openReplica({ ...volume, sizeBytes: 4 * MIB }, true)).rejects.toMatchObject({ code: 'ESIZE' })
      expect(
        readdirSync(folder)
          .filter((name) => name.startsWith('a-replica'))
          .sort(),
      ).toEqual(['a-replica.hot', 'a-replica.hot.2', 'a-replica.map', 'a-replica.map.2'])
      expect(existsSync('source')).toBe(false)
    } finally {
      await stop()
    }
  })
})
