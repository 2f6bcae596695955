import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { volumeKey } from '../../../../lib/core/domain/ids'
import { LocalReplica } from '../../../../lib/daemon/worker/disk/local-replica'
import type { WorkerParts } from '../../../../lib/daemon/worker/parts'
import type { Seat } from '../../../../lib/daemon/worker/seat'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { QuietLog } from '../../../integration/quiet-log'
import { eventually } from '../../../integration/worker-host'
import { FaultyReplicas } from './faulty-replica'

jest.setTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'holdfast-local-'))
afterAll(() => rmSync(folder, { recursive: true }))

const PROBE_MS = 2000

/** The replica on a primary's host, which is there and listed; and what its disk was told of it. */
class Scene {
  readonly replicas = new FaultyReplicas()
  readonly told: string[] = []
  readonly log = new QuietLog()
  readonly volume = {
    key: volumeKey('dddddddd-0000-4000-8000-000000000003'),
    sizeBytes: 1 << 22,
    path: join(mkdtempSync(join(folder, 'disk-')), 'x.raw'),
  }
  readonly local: LocalReplica
  nowMs = 1_000_000
  seat: Seat | null = null
  isListed = true

  constructor(up: () => void = () => undefined) {
    // Nothing else of the world is asked for here.
    const parts = {
      ...{ openReplica: this.replicas.opener, boot: 'boot', incarnation: 'a', log: this.log },
      clock: { nowMs: () => this.nowMs },
      timers: systemTimers,
    } as unknown as WorkerParts
    this.local = new LocalReplica(this.volume, parts, {
      up: (seat, incarnation) => {
        this.seat = seat
        this.told.push(`up ${incarnation}`)
        up()
      },
      failed: (error) => this.told.push(`failed ${error}`),
      unkept: (error) => this.told.push(`unkept ${error}`),
      isListed: () => this.isListed,
    })
  }

  async made(): Promise<this> {
    await (await this.replicas.opener(this.volume, true)).close()
    this.replicas.openings.length = 0
    return this
  }

  probe(): void {
    this.local.tick((this.nowMs += PROBE_MS), true)
  }

  until(what: string, isTrue: () => boolean): Promise<true> {
    return eventually(what, () => Promise.resolve(isTrue() ? true : null))
  }
}

test('opened, it knows the term', async () => {
  const scene = await new Scene().made()
  await scene.local.open(7)
  expect(scene.told).toEqual(['up a-1'])
  expect(scene.seat?.metadata.term).toBe(7)
  await scene.local.close()
  expect(scene.replicas.open).toBe(0)
})

test('a disk that hangs while it is opened is not waited for', async () => {
  const scene = await new Scene().made()
  const letGo = scene.replicas.hold('openReplica')
  await scene.local.open(7)
  expect(scene.told).toEqual(['failed ETIMEDOUT'])
  scene.probe()
  letGo()
  await scene.until('it comes', () => scene.told.length === 2)
  expect(scene.told).toEqual(['failed ETIMEDOUT', 'up a-1'])
  expect(scene.replicas.openings).toHaveLength(1)
  await scene.until('its term is noted', () => scene.seat?.metadata.term === 7)
  await scene.local.close()
})

test('a disk that hangs while it is to note the term is not waited for', async () => {
  const scene = await new Scene().made()
  const letGo = scene.replicas.hold('save')
  await scene.local.open(7)
  expect(scene.seat?.metadata.term).toBe(0)
  letGo()
  await scene.until('its term is noted', () => scene.seat?.metadata.term === 7)
  expect(scene.told).toEqual(['up a-1'])
  await scene.local.close()
})

test('one that comes when it is not wanted any more is closed', async () => {
  const scene = await new Scene().made()
  const letGo = scene.replicas.hold('openReplica')
  const opened = scene.local.open(7)
  await scene.local.close()
  letGo()
  await opened
  expect(scene.told).toEqual([])
  expect(scene.replicas.open).toBe(0)
})

test('missing, it is told, and made only when the claim does not list it', async () => {
  const scene = new Scene()
  await scene.local.open(7)
  expect(scene.told).toEqual(['failed ENOENT'])
  scene.probe()
  await scene.until('it was looked for', () => scene.replicas.openings.length === 2)
  scene.isListed = false
  await scene.until('it is made', () => {
    scene.probe()
    return scene.told.length === 2
  })
  expect(scene.told).toEqual(['failed ENOENT', 'up a-1'])
  expect(scene.replicas.openings.map(({ create }) => create)).toEqual([false, false, true])
  expect(existsSync(scene.volume.path)).toBe(true)
  await scene.local.close()
})

test('why it cannot be opened is told when it is something else than before', async () => {
  const scene = await new Scene().made()
  const look = async (code: string): Promise<void> => {
    scene.replicas.fail('openReplica', code)
    const looks = scene.replicas.openings.length
    await scene.until('it is looked at', () => {
      scene.probe()
      return scene.replicas.openings.length > looks
    })
  }
  scene.replicas.fail('openReplica', 'EIO')
  await scene.local.open(7)
  for (const code of ['ENXIO', 'ENXIO', 'EREPLACED', 'ENXIO']) await look(code)
  await scene.until('the last one is told', () => scene.log.lines.length === 3)
  const { key: volume } = scene.volume
  expect(scene.log.lines).toEqual(
    ['ENXIO', 'EREPLACED', 'ENXIO'].map((error) => `the local replica cannot be opened ${JSON.stringify({ volume, error })}`),
  )
  await scene.local.close()
})

test('a look at a disk that still fails leaves nothing open', async () => {
  const scene = await new Scene().made()
  scene.replicas.fail('openReplica', 'EIO')
  await scene.local.open(7)
  scene.replicas.mend()
  scene.replicas.fail('read', 'EIO')
  scene.probe()
  await scene.until('it was looked at', () => scene.replicas.openings.length === 2 && scene.replicas.open === 0)
  scene.replicas.mend()
  await scene.until('it is back', () => {
    scene.probe()
    return scene.told.length === 2
  })
  expect(scene.told).toEqual(['failed EIO', 'up a-1'])
  await scene.local.close()
})

test('a look at which a flush fails is told: the device says so only once', async () => {
  const scene = await new Scene().made()
  scene.replicas.fail('openReplica', 'EIO')
  await scene.local.open(7)
  scene.replicas.mend()
  scene.replicas.fail('flush', 'ENOSPC')
  scene.probe()
  await scene.until('it was looked at', () => scene.told.length === 2 && scene.replicas.open === 0)
  scene.replicas.mend()
  await scene.until('it is back', () => {
    scene.probe()
    return scene.told.length === 3
  })
  expect(scene.told).toEqual(['failed EIO', 'unkept ENOSPC', 'up a-1'])
  await scene.local.close()
})

test("an error of those who hear that it is up is not the replica's", async () => {
  const full = Object.assign(new Error('told to fail'), { code: 'ENOSPC' })
  const scene = await new Scene(() => {
    throw full
  }).made()
  await expect(scene.local.open(7)).rejects.toBe(full)
  expect(scene.told).toEqual(['up a-1'])
  await scene.local.close()
})
