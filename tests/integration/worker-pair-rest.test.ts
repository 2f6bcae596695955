import { copyFileSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { openReplica } from '../../lib/dom0/replica/open-replica'
import { eventually, type WorkerHost } from './worker-host'
import { DISK_BYTES, WorkerPair } from './worker-pair'

jest.setTimeout(60_000)

let pair: WorkerPair
afterEach(() => pair.close())

/** Extents that a power cut now would leave in doubt on this host. */
async function hotExtents(host: WorkerHost): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rest-'))
  try {
    const image = basename(host.image)
    for (const name of readdirSync(dirname(host.image))) {
      if (name !== image && !name.endsWith('.new')) copyFileSync(join(dirname(host.image), name), join(folder, name))
    }
    const path = join(folder, image)
    writeFileSync(path, '')
    truncateSync(path, DISK_BYTES)
    const found = await openReplica({ key: pair.volume, sizeBytes: DISK_BYTES, path }, false)
    await found.close()
    return found.tracking === 'lost' ? Number.NaN : found.tracking.hot.length
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('seed 41: at rest neither side has an extent in its activity log, so that a power cut leaves nothing in doubt', async () => {
  pair = await WorkerPair.redundant()
  const writer = await pair.writer(pair.a, 0, 41)
  writer.begin()
  await writer.more(50)
  expect(await hotExtents(pair.a)).toBeGreaterThan(0)
  await writer.stop()
  for (const host of [pair.a, pair.b])
    await eventually('its log is empty', async () => ((await hotExtents(host)) === 0 ? true : null))
})
