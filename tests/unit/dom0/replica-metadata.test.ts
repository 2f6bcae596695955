import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../../lib/core/domain/ids'
import { NO_GENERATIONS, type Generations, type ReplicaMetadata } from '../../../lib/core/domain/volume'
import { openDevice } from '../../../lib/dom0/block/open-device'
import { replicaOpener } from '../../../lib/dom0/replica/open-replica'
import { deviceNames } from '../../../lib/dom0/replica/replica-device'
import { systemFiles, type Files } from '../../../lib/dom0/replica/replica-files'
import { imageSize } from '../../../lib/dom0/replica/replica-image'
import { replicaMetadata, type MetadataStore } from '../../../lib/dom0/replica/replica-metadata'

jest.setTimeout(60_000)

const METADATA: ReplicaMetadata = {
  volume: volumeKey('6a0b7e1c-0000-4000-8000-000000000001'),
  replica: 'f00d',
  sizeBytes: 4096,
  term: 3,
  state: 'inconsistent',
  generations: { current: '0123456789abcdef', bitmap: '', former: '', history: ['fedcba9876543210', '00000000000000aa'] },
  boot: 'a start',
}
const FORMAT_1 =
  '{"format":1,"generation":7,"metadata":{"format":1,"volume":"6a0b7e1c-0000-4000-8000-000000000001","replica":"f00d",' +
  '"sizeBytes":4096,"term":3,"state":"inconsistent"},' +
  '"sha256":"914fb279a0c7445bf6576558adcd3129ae2599d6ec62e10a232a3dd8dcbe6cb7"}\n'

function head(format: number, metadata: unknown): string {
  const sha256 = createHash('sha256')
    .update(`${format} 9 ${JSON.stringify(metadata)}`)
    .digest('hex')
  return JSON.stringify({ format, seq: 9, metadata, sha256 })
}

function laterHead(): string {
  return head(4, { whatever: 1 })
}

describe('metadata beside a replica', () => {
  let folder = ''
  let image = ''
  const first = (): string => `${image}.meta.json`
  const second = (): string => `${image}.meta.2.json`
  const storeAt = (base: string): MetadataStore => replicaMetadata(systemFiles, base)
  const reload = async (): Promise<ReplicaMetadata | null> => (await storeAt(image).load())?.metadata ?? null
  const look = async (): Promise<ReplicaMetadata | null> => (await storeAt(image).look())?.metadata ?? null

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-meta-'))
    image = join(folder, 'disk.raw')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('none, then what was saved last', async () => {
    expect(await reload()).toBeNull()
    const store = storeAt(image)
    await store.save(METADATA)
    expect(await reload()).toEqual(METADATA)
    await Promise.all([store.save({ ...METADATA, term: 4 }), store.save({ ...METADATA, term: 5, state: 'up-to-date' })])
    expect(await reload()).toEqual({ ...METADATA, term: 5, state: 'up-to-date' })
    expect(readdirSync(folder).sort()).toEqual(['disk.raw.meta.2.json', 'disk.raw.meta.json'])
  })

  test('a store that was opened anew goes on counting', async () => {
    await storeAt(image).save({ ...METADATA, term: 4 })
    const old = readFileSync(second(), 'utf8')
    await storeAt(image).save({ ...METADATA, term: 5 })
    writeFileSync(second(), old)
    expect(await reload()).toEqual({ ...METADATA, term: 5 })
  })

  test.each([1, 2])('cut off anywhere or with any one bit turned, copy %i gives way to the other', async (number) => {
    await storeAt(image).save(METADATA)
    const path = number === 1 ? first() : second()
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length - 1; at++) {
      writeFileSync(path, whole.subarray(0, at))
      expect(await look()).toEqual(METADATA)
      const turned = Buffer.from(whole)
      turned.writeUInt8(whole.readUInt8(at) ^ (1 << (at % 8)), at)
      writeFileSync(path, turned)
      expect(await look()).toEqual(METADATA)
    }
    expect(await reload()).toEqual(METADATA)
    expect(readFileSync(path)).toEqual(whole)
  })

  test('a crash between the copies leaves the new one', async () => {
    const store = storeAt(image)
    await store.save(METADATA)
    const old = readFileSync(second(), 'utf8')
    await store.save({ ...METADATA, term: 9 })
    writeFileSync(second(), old)
    expect(await reload()).toMatchObject({ term: 9 })
    unlinkSync(second())
    expect(await reload()).toMatchObject({ term: 9 })
  })

  test('both damaged is told, not taken for a new replica', async () => {
    await storeAt(image).save(METADATA)
    writeFileSync(first(), '{"format":1}')
    writeFileSync(second(), '')
    await expect(reload()).rejects.toMatchObject({ code: 'METADATA_DAMAGED' })
    await expect(storeAt(image).save(METADATA)).rejects.toMatchObject({ code: 'METADATA_DAMAGED' })
  })

  describe('a copy that cannot be read for a moment', () => {
    /** The usual files, but those paths answer EIO to their readers. */
    const failing = (...paths: string[]): Files => ({
      ...systemFiles,
      openIfThere: async (path) => {
        const file = await systemFiles.openIfThere(path)
        if (file === null || !paths.includes(path)) return file
        const read = (): Promise<Buffer> => Promise.reject(Object.assign(new Error('told to fail'), { code: 'EIO' }))
        return {
          ...{ read, sync: () => file.sync(), close: () => file.close() },
          write: (offset, data) => file.write(offset, data),
          writeThrough: (offset, data) => file.writeThrough(offset, data),
        }
      },
    })

    test('is not a damaged one: nobody makes a new replica in its place', async () => {
      const volume = { key: METADATA.volume, sizeBytes: 1 << 20, path: image }
      const open = (files: Files) => replicaOpener({ files, imageSize, openDevice, deviceNames })(volume, true)
      const replica = await open(systemFiles)
      await replica.device.write(0, Buffer.alloc(4096, 7))
      await replica.close()
      const files = failing(first(), second())
      await expect(replicaMetadata(files, image).load()).rejects.toMatchObject({ code: 'EIO' })
      await expect(open(files)).rejects.toMatchObject({ code: 'EIO' })
      writeFileSync(second(), 'damaged')
      await expect(open(failing(first()))).rejects.toMatchObject({ code: 'EIO' })
      const again = await open(systemFiles)
      expect(again.metadata.replica).toBe(replica.metadata.replica)
      expect(readFileSync(image).subarray(0, 4096).equals(Buffer.alloc(4096, 7))).toBe(true)
      await again.close()
    })

    test('is mended from the other one', async () => {
      await storeAt(image).save(METADATA)
      const store = replicaMetadata(failing(first()), image)
      expect((await store.load())?.metadata).toEqual(METADATA)
      writeFileSync(second(), 'damaged')
      expect(await reload()).toEqual(METADATA)
    })
  })

  test.each(['{"format":4,"all":"different"}', laterHead()])('a later format is refused and left alone: %s', async (later) => {
    await storeAt(image).save(METADATA)
    const others = later === laterHead() ? [second()] : [first(), second()]
    for (const path of others) writeFileSync(path, later)
    await expect(reload()).rejects.toMatchObject({ code: 'METADATA_NEWER' })
    await expect(look()).rejects.toMatchObject({ code: 'METADATA_NEWER' })
    await expect(storeAt(image).save(METADATA)).rejects.toMatchObject({ code: 'METADATA_NEWER' })
    for (const path of others) expect(readFileSync(path, 'utf8')).toBe(later)
  })

  test('format 1 is read, left alone, and format 3 from the first save on', async () => {
    writeFileSync(first(), FORMAT_1)
    writeFileSync(second(), FORMAT_1)
    const metadata = { ...METADATA, generations: NO_GENERATIONS, boot: '' }
    expect(await storeAt(image).load()).toMatchObject({ format: 1, metadata })
    expect(readFileSync(first(), 'utf8')).toBe(FORMAT_1)
    await storeAt(image).save(METADATA)
    // A crash between the copies.
    writeFileSync(second(), FORMAT_1)
    expect(await storeAt(image).load()).toMatchObject({ format: 3, metadata: METADATA })
    expect(JSON.parse(readFileSync(second(), 'utf8'))).toMatchObject({ format: 3, seq: 8 })
  })

  test('format 2 had no former generation; it is read, left alone, and format 3 from the first save on', async () => {
    const { former, ...generations } = METADATA.generations
    expect(former).toBe('')
    const text = head(2, { ...METADATA, generations })
    for (const path of [first(), second()]) writeFileSync(path, text)
    expect(await storeAt(image).load()).toEqual({ format: 2, seq: 9, metadata: METADATA })
    expect(readFileSync(first(), 'utf8')).toBe(text)
    await storeAt(image).save(METADATA)
    writeFileSync(second(), text)
    expect(await storeAt(image).load()).toEqual({ format: 3, seq: 10, metadata: METADATA })
    expect(JSON.parse(readFileSync(second(), 'utf8'))).toMatchObject({ format: 3, seq: 10 })
  })

  test.each<[string, Partial<Generations>]>([
    ['current', { current: '123' }],
    ['bitmap', { bitmap: '0123456789ABCDEF' }],
    ['former one', { former: '0' }],
    ['history with none', { history: [''] }],
    ['history', { history: Array<string>(9).fill('0123456789abcdef') }],
  ])('%s of another shape is a bug, and damage where it is found', async (_, wrong) => {
    const generations = { ...METADATA.generations, ...wrong }
    expect(() => storeAt(image).save({ ...METADATA, generations })).toThrow('16 hex digits')
    for (const path of [first(), second()]) writeFileSync(path, head(3, { ...METADATA, generations }))
    await expect(reload()).rejects.toMatchObject({ code: 'METADATA_DAMAGED' })
  })

  test('a failed save is told and does not block the next', async () => {
    const store = storeAt(join(folder, 'missing', 'disk.raw'))
    await expect(store.save(METADATA)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(store.save(METADATA)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('removed is gone', async () => {
    const store = storeAt(image)
    await store.save(METADATA)
    await store.remove()
    expect(readdirSync(folder)).toEqual([])
    await store.save({ ...METADATA, term: 1 })
    expect(await reload()).toMatchObject({ term: 1 })
  })
})
