import type { SrStat, VolumeStat } from '../../wire/daemon-api'
import type { StorageCalls } from './run-call'
import { volumeUri } from './uri'

/** What xapi-storage-script runs in volume/holdfast; the folder's name is the SR type. */
export const VOLUME_CALLS: StorageCalls = {
  'Plugin.Query': (_args, _ask, version) =>
    Promise.resolve({
      plugin: 'holdfast',
      name: 'Holdfast',
      description: "Disks on the hosts' own drives, mirrored to a second host",
      vendor: 'Holdfast',
      copyright: 'Apache-2.0',
      version,
      required_api_version: '5.0',
      features: FEATURES,
      configuration: { path: 'folder for the volumes, on every host' },
      required_cluster_stack: [],
    }),
  'SR.probe': (args) => Promise.resolve([{ configuration: args.pairs('configuration'), complete: true, extra_info: {} }]),
  'SR.create': (args, ask) => ask('sr-create', { uuid: args.text('uuid'), configuration: args.pairs('configuration') }),
  'SR.attach': (args, ask) => ask('sr-attach', { configuration: args.pairs('configuration') }),
  'SR.detach': (args, ask) => ask('sr-detach', { sr: args.text('sr') }),
  'SR.destroy': (args, ask) => ask('sr-destroy', { sr: args.text('sr') }),
  'SR.stat': async (args, ask) => srStat(await ask('sr-stat', { sr: args.text('sr') })),
  'SR.ls': async (args, ask) => {
    const sr = args.text('sr')
    return (await ask('sr-ls', { sr })).map((volume) => volumeOf(sr, volume))
  },
  // XAPI's database keeps an SR's name and description; the SR has no second copy that could disagree.
  'SR.set_name': () => Promise.resolve(null),
  'SR.set_description': () => Promise.resolve(null),
  'Volume.create': async (args, ask) => {
    const sr = args.text('sr')
    const [name, description] = [args.text('name'), args.text('description')]
    const [sizeBytes, sharable] = [args.bytes('size'), args.truth('sharable')]
    return volumeOf(sr, await ask('volume-create', { sr, name, description, sizeBytes, sharable }))
  },
  'Volume.destroy': (args, ask) => ask('volume-destroy', { sr: args.text('sr'), key: args.text('key') }),
  'Volume.resize': (args, ask) =>
    ask('volume-resize', { sr: args.text('sr'), key: args.text('key'), sizeBytes: args.bytes('new_size') }),
  'Volume.stat': async (args, ask) => {
    const sr = args.text('sr')
    return volumeOf(sr, await ask('volume-stat', { sr, key: args.text('key') }))
  },
  'Volume.set_name': (args, ask) =>
    ask('volume-set', { sr: args.text('sr'), key: args.text('key'), name: args.text('new_name') }),
  'Volume.set_description': (args, ask) =>
    ask('volume-set', { sr: args.text('sr'), key: args.text('key'), description: args.text('new_description') }),
  'Volume.set': (args, ask) =>
    ask('volume-set', { sr: args.text('sr'), key: args.text('key'), set: { [args.text('k')]: args.text('v') } }),
  'Volume.unset': (args, ask) => ask('volume-set', { sr: args.text('sr'), key: args.text('key'), unset: [args.text('k')] }),
}

const FEATURES = [
  'SR_PROBE',
  'SR_CREATE',
  'SR_ATTACH',
  'SR_DETACH',
  'SR_DELETE',
  'SR_SCAN',
  'SR_UPDATE',
  'VDI_CREATE',
  'VDI_DELETE',
  'VDI_RESIZE',
  'VDI_UPDATE',
  'VDI_ATTACH',
  'VDI_DETACH',
  'VDI_ACTIVATE',
  'VDI_DEACTIVATE',
]

const srStat = ({ sr, totalBytes, freeBytes }: SrStat) => ({
  sr,
  uuid: sr,
  name: '',
  description: '',
  free_space: freeBytes,
  total_space: totalBytes,
  datasources: [],
  clustered: false,
  health: ['Healthy', ''],
})

const volumeOf = (sr: string, volume: VolumeStat) => ({
  key: volume.key,
  uuid: volume.key,
  name: volume.name,
  description: volume.description,
  read_write: true,
  sharable: volume.sharable,
  virtual_size: volume.sizeBytes,
  physical_utilisation: volume.usedBytes,
  uri: [volumeUri(sr, volume.key)],
  keys: volume.keys,
})
