/**
 * What a host performs for the storage methods of the API. `sr` is always a repository's uuid, `key` a volume's own name; sizes in
 * bytes; volumes travel in the shape of SMAPIv3.
 */
import { type HostOperations, type Value } from '../contract'
import { type Members, flag, int, record, text, textMap } from '../values'
import { copyDisk } from './copy'
import { type StorageDriver, type Volume } from './driver'
import { type DiskName, type HostStorage } from './host-storage'

function volumeValue(volume: Volume): Members {
  return {
    key: volume.key,
    uuid: volume.uuid ?? '',
    name: volume.name,
    description: volume.description,
    read_write: volume.readWrite,
    sharable: volume.sharable,
    virtual_size: volume.virtualSize,
    physical_utilisation: volume.physicalUtilisation,
    keys: { ...volume.keys },
  }
}

const diskName = (value: Value | undefined): DiskName => {
  const disk = record(value)
  return { sr: text(disk['sr']), key: text(disk['key']) }
}

const DOM0 = '0'

export function storageOperations(storage: HostStorage): HostOperations {
  /** Copies under way: id -> done fraction. */
  const copies = new Map<string, number>()

  const inRepository =
    (act: (driver: StorageDriver, sr: string, args: Members) => Promise<Value>) =>
    async (args: Members): Promise<Value> => {
      const { driver, sr } = await storage.repository(text(args['sr']))
      return act(driver, sr, args)
    }
  const onVolume = (act: (driver: StorageDriver, sr: string, key: string) => Promise<Volume>) =>
    inRepository(async (driver, sr, args) => volumeValue(await act(driver, sr, text(args['key']))))
  const actOnVolume = (act: (driver: StorageDriver, sr: string, key: string, args: Members) => Promise<void>) =>
    inRepository(async (driver, sr, args) => {
      await act(driver, sr, text(args['key']), args)
      return ''
    })
  const silent =
    (act: (args: Members) => Promise<void>) =>
    async (args: Members): Promise<Value> => {
      await act(args)
      return ''
    }

  return {
    'sr.types': async () => [...(await storage.drivers.types())],
    'sr.create': async (args) => {
      const driver = await storage.drivers.driver(text(args['type']))
      const wish = { uuid: text(args['sr']), config: textMap(args['config']) }
      return { ...(await driver.create({ ...wish, name: text(args['name']), description: text(args['description']) })) }
    },
    'sr.attach': silent((args) => storage.attach(text(args['sr']), text(args['type']), textMap(args['config']))),
    'sr.detach': silent((args) => storage.detach(text(args['sr']))),
    'sr.destroy': silent((args) => storage.destroy(text(args['sr']))),
    'sr.stat': inRepository(async (driver, sr) => {
      const { totalBytes, freeBytes } = await driver.usage(sr)
      return { total_space: totalBytes, free_space: freeBytes }
    }),
    'sr.ls': inRepository(async (driver, sr) => (await driver.list(sr)).map(volumeValue)),
    'volume.create': inRepository(async (driver, sr, args) =>
      volumeValue(
        await driver.createVolume(sr, {
          name: text(args['name']),
          description: text(args['description']),
          size: int(args['size']),
          sharable: flag(args['sharable']),
        }),
      ),
    ),
    'volume.clone': onVolume((driver, sr, key) => driver.cloneVolume(sr, key)),
    'volume.stat': onVolume((driver, sr, key) => driver.statVolume(sr, key)),
    'volume.destroy': actOnVolume((driver, sr, key) => driver.destroyVolume(sr, key)),
    'volume.resize': actOnVolume((driver, sr, key, args) => driver.resizeVolume(sr, key, int(args['size']))),
    'volume.set_name': actOnVolume((driver, sr, key, args) => driver.setName(sr, key, text(args['name']))),
    'volume.set_description': actOnVolume((driver, sr, key, args) => driver.setDescription(sr, key, text(args['description']))),
    'disk.open': async (args) => ({ ...(await storage.openDisk(text(args['domain']), diskName(args['disk']))) }),
    'disk.close': silent((args) => storage.closeDisk(text(args['domain']), diskName(args['disk']))),
    'disk.copy': async (args) => {
      const [from, to] = [diskName(args['from']), diskName(args['to'])]
      const id = text(args['id'])
      copies.set(id, 0)
      try {
        const source = await storage.openDisk(DOM0, from)
        try {
          const target = await storage.openDisk(DOM0, to)
          try {
            await copyDisk(source, target, (fraction) => copies.set(id, fraction))
          } finally {
            await storage.closeDisk(DOM0, to)
          }
        } finally {
          await storage.closeDisk(DOM0, from)
        }
      } finally {
        copies.delete(id)
      }
      return ''
    },
    /** Nothing is known of a copy that has not begun or has ended: 0. */
    'disk.copy-progress': (args) => Promise.resolve(copies.get(text(args['id'])) ?? 0),
  }
}
