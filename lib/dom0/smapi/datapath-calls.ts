import type { StorageCalls } from './run-call'
import { keyOfUri } from './uri'

/** What xapi-storage-script runs in datapath/holdfast for uris with scheme `holdfast`. */
export const DATAPATH_CALLS: StorageCalls = {
  'Plugin.Query': (_args, _ask, version) =>
    Promise.resolve({
      plugin: 'holdfast',
      name: 'Holdfast',
      description: 'Serves a mirrored volume by NBD',
      vendor: 'Holdfast',
      copyright: 'Apache-2.0',
      version,
      required_api_version: '5.0',
      features: [],
      configuration: {},
      required_cluster_stack: [],
    }),
  'Datapath.open': (args) => {
    keyOfUri(args.text('uri'))
    return Promise.resolve(null)
  },
  'Datapath.attach': async (args, ask) => {
    const { socket, exportName } = await ask('datapath-attach', {
      volume: keyOfUri(args.text('uri')),
      domain: args.text('domain'),
    })
    const nbd = `nbd:unix:${socket}:exportname=${exportName}`
    // xapi wants a XenDisk for the guest's own frontend beside every Nbd; qdisk is QEMU, which opens the same address.
    return {
      implementations: [
        ['XenDisk', { params: nbd, extra: {}, backend_type: 'qdisk' }],
        ['Nbd', { uri: nbd }],
      ],
    }
  },
  'Datapath.activate': (args, ask) =>
    ask('datapath-activate', { volume: keyOfUri(args.text('uri')), domain: args.text('domain') }),
  'Datapath.deactivate': (args, ask) =>
    ask('datapath-deactivate', { volume: keyOfUri(args.text('uri')), domain: args.text('domain') }),
  'Datapath.detach': (args, ask) => ask('datapath-detach', { volume: keyOfUri(args.text('uri')), domain: args.text('domain') }),
  'Datapath.close': (args) => {
    keyOfUri(args.text('uri'))
    return Promise.resolve(null)
  },
}
