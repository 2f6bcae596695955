import { Refusal } from '../../core/domain/errors'
import { srUuid, volumeKey } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'
import type { DaemonApi, VolumeStat } from '../../wire/daemon-api'
import type { Catalogue, RecordChange } from './catalogue'
import type { Fleet } from './fleet'
import type { HostParts } from './parts'

type StorageFunction = Extract<keyof DaemonApi, `sr-${string}` | `volume-${string}`>
type StorageHandlers = { [F in StorageFunction]: (ask: DaemonApi[F]['ask']) => Promise<DaemonApi[F]['answer']> }

/** Where replicas are kept when the operator names no folder. */
const DEFAULT_PATH = '/srv/holdfast'
/** NBD and every file system we know of work in sectors. */
const SECTOR_BYTES = 512

/** What the SMAPIv3 volume plug-in is answered. */
export function storageHandlers(parts: HostParts, catalogue: Catalogue, fleet: Fleet): StorageHandlers {
  const stat = async (record: VolumeRecord): Promise<VolumeStat> => {
    const { key, name, description, sharable, sizeBytes, keys } = record
    return { key, name, description, sharable, sizeBytes, keys, usedBytes: await usedBytes(record) }
  }
  const usedBytes = async (record: VolumeRecord): Promise<number> => {
    try {
      return await catalogue.storeOf(record).usedBytes(record.key)
    } catch (error) {
      // A failed disk must not hide its volumes from XAPI: the peer's copy serves them.
      parts.log.warn('size on disk unknown', { volume: record.key, error: String(error) })
      return 0
    }
  }
  const unused = (record: VolumeRecord): void => {
    if (record.vm !== null)
      throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: record.key, use: `a disk of protected VM ${record.vm}` })
    const worker = fleet.specs().find(({ volumes }) => volumes.some(({ key }) => key === record.key))
    if (worker !== undefined) throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: record.key, use: 'attached' })
  }

  return {
    'sr-create': async ({ uuid, configuration }) => {
      const path = configuration['path'] ?? DEFAULT_PATH
      if (!path.startsWith('/'))
        throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: `device-config:path must be absolute, not "${path}"` })
      await catalogue.attach(srUuid(uuid), path)
      await parts.srs.add(uuid, path)
      return { ...configuration, path, uuid }
    },
    'sr-attach': async ({ configuration }) => {
      const { uuid, path } = configuration
      if (uuid === undefined)
        throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: 'the configuration has no uuid: was the SR made by sr-create?' })
      await parts.srs.add(uuid, path ?? DEFAULT_PATH)
      await catalogue.attach(srUuid(uuid), path ?? DEFAULT_PATH)
      return uuid
    },
    'sr-detach': async ({ sr }) => {
      const busy = catalogue
        .list(sr)
        .find(({ key }) => fleet.specs().some(({ volumes }) => volumes.some((volume) => volume.key === key)))
      if (busy !== undefined)
        throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: busy.key, use: 'attached, or mirrored by a worker of this host' })
      catalogue.store(sr)
      await parts.srs.remove(sr)
      catalogue.detach(srUuid(sr))
      return null
    },
    'sr-destroy': async ({ sr }) => {
      const [left] = catalogue.list(sr)
      if (left !== undefined) throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume: left.key, use: 'still in the SR' })
      await parts.srs.remove(sr)
      catalogue.detach(srUuid(sr))
      return null
    },
    'sr-stat': async ({ sr }) => ({ sr, ...(await catalogue.store(sr).space()) }),
    'sr-ls': async ({ sr }) => {
      catalogue.store(sr)
      return Promise.all(catalogue.list(sr).map(stat))
    },
    'volume-create': async ({ sr, name, description, sizeBytes, sharable }) => {
      const { freeBytes } = await catalogue.store(sr).space()
      const rounded = Math.max(SECTOR_BYTES, Math.ceil(sizeBytes / SECTOR_BYTES) * SECTOR_BYTES)
      if (rounded > freeBytes) {
        const { path } = parts.srs.list().find((known) => known.sr === sr) ?? { path: DEFAULT_PATH }
        throw new Refusal('HOLDFAST_NO_SPACE', { host: parts.host, needBytes: rounded, freeBytes, path })
      }
      const record = { key: volumeKey(parts.newUuid()), sr: srUuid(sr), sizeBytes: rounded, name, description, sharable }
      const made = await catalogue.add({ ...record, keys: {}, vm: null, level: null, homes: [], deleted: false })
      return stat(made)
    },
    'volume-destroy': async ({ key }) => {
      const record = catalogue.get(key)
      unused(record)
      await catalogue.change(record.key, { deleted: true })
      await catalogue.storeOf(record).dropReplica(record.key)
      return null
    },
    'volume-resize': async ({ key, sizeBytes }) => {
      const record = catalogue.get(key)
      unused(record)
      if (sizeBytes < record.sizeBytes) throw new Refusal('HOLDFAST_BAD_REQUEST', { reason: 'a volume cannot be made smaller' })
      const rounded = Math.ceil(sizeBytes / SECTOR_BYTES) * SECTOR_BYTES
      if (record.homes.length > 0 && !record.homes.includes(parts.host)) {
        throw new Refusal('HOLDFAST_VOLUME_ELSEWHERE', { volume: key, host: parts.host, home: record.homes[0] ?? '' })
      }
      if (record.homes.includes(parts.host)) await catalogue.storeOf(record).resize(record.key, rounded)
      await catalogue.change(record.key, { sizeBytes: rounded })
      return null
    },
    'volume-stat': ({ key }) => stat(catalogue.get(key)),
    'volume-set': async ({ key, name, description, set, unset }) => {
      const record = catalogue.get(key)
      const kept = Object.entries({ ...record.keys, ...set }).filter(([each]) => unset?.includes(each) !== true)
      const change: RecordChange = {
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        keys: Object.fromEntries(kept),
      }
      await catalogue.change(record.key, change)
      return null
    },
  }
}
