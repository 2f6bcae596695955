import { mkdtempSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/open-replica'
import type { StoredReplica } from '../../lib/ports/replica-store'
import type { WorkerVolume } from '../../lib/wire/worker-api'

const MIB = 1024 * 1024

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
    for (const copy of ['', '.2']) writeFileSync(`${volume.path}.meta${copy}.json`, '{"format":3}')
    await expect(reopen(true)).rejects.toMatchObject({ code: 'METADATA_NEWER' })
  })
})
