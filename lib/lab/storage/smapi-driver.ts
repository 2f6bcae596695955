/** A storage repository served by SMAPIv3 executables: one volume plug-in, and for each disk the datapath plug-in its URI names. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ApiError, type Value } from '../contract'
import { type Members, flag, int, isRecord, list, record, text, textMap, texts } from '../values'
import { type DiskSource, type StorageDriver, type Volume } from './driver'
import { runScript } from './script'

/** Where plug-ins are dropped; a directory that appears is a plug-in registered. */
export const scriptRoot = (root: string): string => join(root, 'usr/libexec/xapi-storage-script')

function volumeOf(answer: Value): Volume {
  const fields = record(answer)
  const uuid = fields['uuid']
  return {
    key: text(fields['key']),
    ...(typeof uuid === 'string' && uuid !== '' ? { uuid } : {}),
    name: text(fields['name']),
    description: text(fields['description']),
    readWrite: flag(fields['read_write']),
    sharable: flag(fields['sharable'] ?? false),
    virtualSize: int(fields['virtual_size']),
    physicalUtilisation: int(fields['physical_utilisation']),
    uri: texts(fields['uri']),
    keys: textMap(fields['keys'] ?? {}),
  }
}

const NBD = /^nbd:unix:(.+):exportname=(.*)$/

/** What QEMU can open of the offered implementations; the NBD server first, it is the one that keeps the mirror in the path. */
export function sourceOf(implementations: Value): DiskSource {
  const offered = new Map(list(implementations).map((offer) => [text(list(offer)[0]), record(list(offer)[1])]))
  const nbd = offered.get('Nbd')
  if (nbd) {
    const [, socket, exportName] = NBD.exec(text(nbd['uri'])) ?? []
    if (socket !== undefined && exportName !== undefined) return { kind: 'nbd', socket, exportName }
  }
  const path = (offered.get('File') ?? offered.get('BlockDevice'))?.['path']
  if (path !== undefined) return { kind: 'file', path: text(path) }
  throw new ApiError('SR_BACKEND_FAILURE', 'NoUsableImplementation', '', [...offered.keys()].join(', '))
}

export function smapiDriver(root: string, plugin: string): StorageDriver {
  const scripts = scriptRoot(root)
  const call = (name: string, args: Members): Promise<Value> => runScript(join(scripts, 'volume', plugin), name, args)
  const tell = async (name: string, args: Members): Promise<void> => {
    await call(name, args)
  }
  const stat = async (sr: string, key: string): Promise<Volume> => volumeOf(await call('Volume.stat', { sr, key }))

  /** The first URI whose scheme is the folder of a datapath plug-in. */
  async function datapathFor(uris: readonly string[]): Promise<string> {
    const known = await readdir(join(scripts, 'datapath'))
    const uri = uris.find((candidate) => known.includes(candidate.split(':', 1)[0] ?? ''))
    if (uri === undefined) throw new ApiError('SR_BACKEND_FAILURE', 'NoDatapath', '', uris.join(' '))
    return uri
  }
  const datapath = (uri: string, name: string, args: Members): Promise<Value> =>
    runScript(join(scripts, 'datapath', uri.split(':', 1)[0] ?? ''), name, { uri, ...args })

  return {
    create: async ({ uuid, config, name, description }) =>
      textMap(await call('SR.create', { uuid, configuration: { ...config }, name, description })),
    attach: async (_uuid, config) => text(await call('SR.attach', { configuration: { ...config } })),
    detach: (sr) => tell('SR.detach', { sr }),
    destroy: (sr) => tell('SR.destroy', { sr }),
    usage: async (sr) => {
      const answer = record(await call('SR.stat', { sr }))
      return { totalBytes: int(answer['total_space']), freeBytes: int(answer['free_space']) }
    },
    list: async (sr) => list(await call('SR.ls', { sr })).map(volumeOf),
    createVolume: async (sr, wish) => volumeOf(await call('Volume.create', { sr, ...wish })),
    cloneVolume: async (sr, key) => volumeOf(await call('Volume.clone', { sr, key })),
    destroyVolume: (sr, key) => tell('Volume.destroy', { sr, key }),
    resizeVolume: (sr, key, size) => tell('Volume.resize', { sr, key, new_size: size }),
    statVolume: stat,
    setName: (sr, key, name) => tell('Volume.set_name', { sr, key, new_name: name }),
    setDescription: (sr, key, description) => tell('Volume.set_description', { sr, key, new_description: description }),
    openDisk: async (sr, key, domain) => {
      const uri = await datapathFor((await stat(sr, key)).uri)
      const undo: string[] = []
      try {
        await datapath(uri, 'Datapath.open', { persistent: true })
        undo.unshift('Datapath.close')
        const answer = await datapath(uri, 'Datapath.attach', { domain })
        undo.unshift('Datapath.detach')
        const source = sourceOf(isRecord(answer) ? (answer['implementations'] ?? []) : answer)
        await datapath(uri, 'Datapath.activate', { domain })
        return { source, datapath: uri }
      } catch (error) {
        for (const step of undo) await datapath(uri, step, step === 'Datapath.close' ? {} : { domain })
        throw error
      }
    },
    closeDisk: async (uri, domain) => {
      await datapath(uri, 'Datapath.deactivate', { domain })
      await datapath(uri, 'Datapath.detach', { domain })
      await datapath(uri, 'Datapath.close', {})
    },
  }
}
