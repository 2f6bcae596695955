import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../../lib/core/domain/ids'
import type { ReplicaMetadata } from '../../../lib/core/domain/volume'
import { openReplica } from '../../../lib/dom0/replica/open-replica'
import type { Files } from '../../../lib/dom0/replica/replica-files'
import { replicaMetadata } from '../../../lib/dom0/replica/replica-metadata'
import { NO_MOUNTS, SmallFileSystem } from '../../contracts/small-file-system'
import { CrashingFiles, TEARS } from './crashing-files'

const MIB = 1024 * 1024
const KEY = volumeKey('a1b2c3d4-0000-4000-8000-000000000001')

;(NO_MOUNTS === '' ? test : test.skip)(
  `a replica on a full file system is saved and opened${NO_MOUNTS === '' ? '' : ` (left out: ${NO_MOUNTS})`}`,
  async () => {
    const small = SmallFileSystem.mount(2 * MIB)
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-full-'))
    const volume = { key: KEY, sizeBytes: MIB, path: join(folder, 'disk.raw'), metadata: join(small.path, 'disk') }
    try {
      const replica = await openReplica(volume, true)
      const generations = {
        current: '00000000000000aa',
        bitmap: '',
        former: '',
        history: ['00000000000000bb', '00000000000000cc'],
      }
      await replica.save({ state: 'up-to-date', generations })
      const files = readdirSync(small.path).sort()
      small.fill()
      await replica.saveHot([0])
      await replica.save({ term: 5 })
      await replica.save({ generations: { current: '00000000000000dd', bitmap: '', former: '', history: [] } })
      await replica.close()
      for (const term of [6, 7]) {
        const again = await openReplica(volume, false)
        expect(again.metadata).toMatchObject({ term: term - 1, state: 'up-to-date', generations: { history: [] } })
        await again.save({ term })
        await again.close()
      }
      small.makeRoom()
      expect(readdirSync(small.path).sort()).toEqual(files)
      await (await openReplica(volume, false)).close()
    } finally {
      small.unmount()
      rmSync(folder, { recursive: true })
    }
  },
)

const HEAD: ReplicaMetadata = {
  ...{ volume: KEY, replica: 'f00d', sizeBytes: 4096, term: 3, state: 'up-to-date', boot: '' },
  generations: { current: '0123456789abcdef', bitmap: '', former: '', history: ['fedcba9876543210'] },
}

/** The same files while there is no room for a new one. */
const full = (files: CrashingFiles): Files => ({
  openIfThere: (path) => files.openIfThere(path),
  make: async (path) => {
    await files.make(path)
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' })
  },
  rename: (from, to) => files.rename(from, to),
  remove: (path) => files.remove(path),
  syncFolderOf: (path) => files.syncFolderOf(path),
})

const COPIES = ['r.meta.json', 'r.meta.2.json']
const CASES = TEARS.flatMap((tear) => ['none', ...COPIES].map((damaged) => ({ tear, damaged, torn: tear.name })))

test.each(CASES)(
  'saved on a full file system, damaged $damaged, a crash leaves $torn: the old head or the new',
  async ({ tear, damaged }) => {
    const seen = new Set<number>()
    const next = { ...HEAD, term: 4, generations: { ...HEAD.generations, history: [] } }
    for (let crashAt = 0, isOver = false; !isOver; crashAt++) {
      const files = new CrashingFiles()
      await replicaMetadata(files, 'r').save(HEAD)
      if (damaged !== 'none') files.damage(damaged, () => Buffer.from('{'.repeat(500)))
      files.restartProcess()
      const store = replicaMetadata(full(files), 'r')
      files.crashAt = crashAt
      isOver = (await Promise.race([store.save(next).then(() => 'saved'), files.crashed])) === 'saved'
      files.restart(tear)
      const found = await replicaMetadata(full(files), 'r').load()
      expect([HEAD, next]).toContainEqual(found?.metadata)
      if (isOver) expect(found?.metadata).toEqual(next)
      seen.add(found?.metadata.term ?? 0)
    }
    expect([...seen].sort()).toEqual([3, 4])
  },
)

test('without a second whole copy the only one is not overwritten', async () => {
  const files = new CrashingFiles()
  await replicaMetadata(files, 'r').save(HEAD)
  files.damage('r.meta.2.json', () => null)
  await expect(replicaMetadata(full(files), 'r').save({ ...HEAD, term: 4 })).rejects.toMatchObject({ code: 'ENOSPC' })
  expect((await replicaMetadata(files, 'r').look())?.metadata).toEqual(HEAD)
  expect(files.names()).toEqual(['r.meta.json'])
})
