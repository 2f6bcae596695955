import { mkdtempSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../../lib/core/domain/ids'
import type { ReplicaMetadata } from '../../../lib/core/domain/volume'
import { replicaMetadata } from '../../../lib/dom0/replica-metadata'

const METADATA: ReplicaMetadata = {
  volume: volumeKey('6a0b7e1c-0000-4000-8000-000000000001'),
  replica: 'f00d',
  sizeBytes: 4096,
  term: 3,
  state: 'inconsistent',
  generations: { current: '', bitmap: '', history: [] },
}

describe('metadata beside a replica', () => {
  let folder = ''
  let image = ''
  const first = (): string => `${image}.meta.json`
  const second = (): string => `${image}.meta.2.json`
  const reload = (): Promise<ReplicaMetadata | null> => replicaMetadata(image).load()

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-meta-'))
    image = join(folder, 'disk.raw')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('none, then what was saved last', async () => {
    expect(await reload()).toBeNull()
    const store = replicaMetadata(image)
    await store.save(METADATA)
    expect(await reload()).toEqual(METADATA)
    await Promise.all([store.save({ ...METADATA, term: 4 }), store.save({ ...METADATA, term: 5, state: 'up-to-date' })])
    expect(await reload()).toEqual({ ...METADATA, term: 5, state: 'up-to-date' })
    expect(readdirSync(folder).sort()).toEqual(['disk.raw.meta.2.json', 'disk.raw.meta.json'])
  })

  test('a store that was opened anew goes on counting', async () => {
    await replicaMetadata(image).save({ ...METADATA, term: 4 })
    const old = readFileSync(second(), 'utf8')
    await replicaMetadata(image).save({ ...METADATA, term: 5 })
    writeFileSync(second(), old)
    expect(await reload()).toEqual({ ...METADATA, term: 5 })
  })

  test.each([1, 2])('cut off anywhere or with any one bit turned, copy %i gives way to the other', async (number) => {
    await replicaMetadata(image).save(METADATA)
    const path = number === 1 ? first() : second()
    const whole = readFileSync(path)
    for (let at = 0; at < whole.length - 1; at++) {
      writeFileSync(path, whole.subarray(0, at))
      expect(await reload()).toEqual(METADATA)
      const turned = Buffer.from(whole)
      turned.writeUInt8(whole.readUInt8(at) ^ (1 << (at % 8)), at)
      writeFileSync(path, turned)
      // A turned bit may make the format look like a later one's, and that is refused whatever the other copy says.
      await reload().then(
        (metadata) => expect(metadata).toEqual(METADATA),
        (error: unknown) => expect(error).toMatchObject({ code: 'METADATA_NEWER' }),
      )
    }
  })

  test('a crash between the copies leaves the new one', async () => {
    const store = replicaMetadata(image)
    await store.save(METADATA)
    const old = readFileSync(second(), 'utf8')
    await store.save({ ...METADATA, term: 9 })
    writeFileSync(second(), old)
    expect(await reload()).toMatchObject({ term: 9 })
    unlinkSync(second())
    expect(await reload()).toMatchObject({ term: 9 })
  })

  test('both damaged is told, not taken for a new replica', async () => {
    await replicaMetadata(image).save(METADATA)
    writeFileSync(first(), '{"format":1}')
    writeFileSync(second(), '')
    await expect(reload()).rejects.toMatchObject({ code: 'METADATA_DAMAGED' })
    await expect(replicaMetadata(image).save(METADATA)).rejects.toMatchObject({ code: 'METADATA_DAMAGED' })
  })

  test('a later format is refused and left alone', async () => {
    await replicaMetadata(image).save(METADATA)
    writeFileSync(first(), '{"format":2,"all":"different"}')
    await expect(reload()).rejects.toMatchObject({ code: 'METADATA_NEWER' })
    await expect(replicaMetadata(image).save(METADATA)).rejects.toMatchObject({ code: 'METADATA_NEWER' })
    expect(readFileSync(first(), 'utf8')).toBe('{"format":2,"all":"different"}')
  })

  test('a failed save is told and does not block the next', async () => {
    const store = replicaMetadata(join(folder, 'missing', 'disk.raw'))
    await expect(store.save(METADATA)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(store.save(METADATA)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('removed is gone', async () => {
    const store = replicaMetadata(image)
    await store.save(METADATA)
    await store.remove()
    expect(readdirSync(folder)).toEqual([])
    await store.save({ ...METADATA, term: 1 })
    expect(await reload()).toMatchObject({ term: 1 })
  })
})
