import type { Value } from '../../contract'
import { list, text } from '../../values'
import type { XeArguments } from '../arguments'
import { mapArgument } from '../arguments'
import type { XeClient } from '../client'
import { mistake } from '../failure'
import { oneByName } from '../listing'
import { required } from '../parameters'
import type { XeCommandTable } from './command'

const byUuid = async (client: XeClient, cls: string, uuid: string): Promise<Value> => client.call(`${cls}.get_by_uuid`, uuid)
const uuidLine = async (client: XeClient, cls: string, ref: Value): Promise<string> =>
  `${text(await client.call(`${cls}.get_uuid`, ref))}\n`

const UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 }

/** "10GiB" or a number of bytes. */
function bytes(size: string): number {
  const [, digits, unit] = /^(\d+)\s*(\w*)$/.exec(size) ?? []
  const factor = UNITS[unit ?? '?']
  if (digits === undefined || factor === undefined) throw mistake(`Failed to parse size: ${size}`)
  return Number(digits) * factor
}

async function firstHost(client: XeClient, args: XeArguments): Promise<Value> {
  const uuid = args.pairs.get('host-uuid')
  if (uuid !== undefined) return byUuid(client, 'host', uuid)
  const [pool] = list(await client.call('pool.get_all'))
  return client.call('pool.get_master', pool ?? '')
}

const onOne =
  (cls: string, method: string): XeCommandTable[string] =>
  async (client, args) => {
    await client.call(`${cls}.${method}`, await byUuid(client, cls, required(args, 'uuid')))
    return ''
  }

export const storageCommands: XeCommandTable = {
  'sr-create': async (client, args) => {
    const name = required(args, 'name-label')
    const type = required(args, 'type')
    const config = mapArgument(args, 'device-config')
    const shared = args.pairs.get('shared') === 'true'
    const size = bytes(args.pairs.get('physical-size') ?? '0')
    const content = args.pairs.get('content-type') ?? ''
    const host = await firstHost(client, args)
    const sr = await client.call('SR.create', host, config, size, name, '', type, content, shared, mapArgument(args, 'sm-config'))
    return uuidLine(client, 'SR', sr)
  },
  'sr-scan': onOne('SR', 'scan'),
  'sr-destroy': onOne('SR', 'destroy'),
  'sr-forget': onOne('SR', 'forget'),
  'vdi-create': async (client, args) => {
    const sr = await byUuid(client, 'SR', required(args, 'sr-uuid'))
    const record = {
      ...{
        name_label: required(args, 'name-label'),
        name_description: '',
        SR: sr,
        virtual_size: bytes(required(args, 'virtual-size')),
      },
      ...{ type: args.pairs.get('type') ?? 'user', sharable: args.pairs.get('sharable') === 'true', read_only: false },
      ...{
        other_config: mapArgument(args, 'other-config'),
        sm_config: mapArgument(args, 'sm-config'),
        xenstore_data: {},
        tags: [],
      },
    }
    return uuidLine(client, 'VDI', await client.call('VDI.create', record))
  },
  'vdi-destroy': onOne('VDI', 'destroy'),
  'vdi-resize': async (client, args) => {
    await client.call('VDI.resize', await byUuid(client, 'VDI', required(args, 'uuid')), bytes(required(args, 'disk-size')))
    return ''
  },
  'vdi-copy': async (client, args) => {
    const vdi = await byUuid(client, 'VDI', required(args, 'uuid'))
    const sr = await byUuid(client, 'SR', required(args, 'sr-uuid'))
    return uuidLine(client, 'VDI', await client.call('VDI.copy', vdi, sr, 'OpaqueRef:NULL', 'OpaqueRef:NULL'))
  },
  'vbd-create': async (client, args) => {
    const vm = await byUuid(client, 'VM', required(args, 'vm-uuid'))
    const vdi = args.pairs.get('vdi-uuid')
    const record = {
      ...{
        VM: vm,
        VDI: vdi === undefined ? 'OpaqueRef:NULL' : await byUuid(client, 'VDI', vdi),
        userdevice: required(args, 'device'),
      },
      ...{
        bootable: args.pairs.get('bootable') === 'true',
        mode: args.pairs.get('mode') ?? 'RW',
        type: args.pairs.get('type') ?? 'Disk',
      },
      ...{ unpluggable: true, empty: vdi === undefined, other_config: {}, qos_algorithm_type: '', qos_algorithm_params: {} },
    }
    return uuidLine(client, 'VBD', await client.call('VBD.create', record))
  },
  'vbd-plug': onOne('VBD', 'plug'),
  'vbd-unplug': onOne('VBD', 'unplug'),
  'vbd-destroy': onOne('VBD', 'destroy'),
  'pbd-plug': onOne('PBD', 'plug'),
  'pbd-unplug': onOne('PBD', 'unplug'),
  'vif-create': async (client, args) => {
    const record = {
      ...{
        VM: await byUuid(client, 'VM', required(args, 'vm-uuid')),
        network: await network(client, required(args, 'network-uuid')),
      },
      ...{ device: required(args, 'device'), MAC: args.pairs.get('mac') ?? '', MTU: 1500, other_config: {} },
      ...{ qos_algorithm_type: '', qos_algorithm_params: {} },
    }
    return uuidLine(client, 'VIF', await client.call('VIF.create', record))
  },
  'vif-plug': onOne('VIF', 'plug'),
  'vif-unplug': onOne('VIF', 'unplug'),
  'vif-destroy': onOne('VIF', 'destroy'),
}

async function network(client: XeClient, what: string): Promise<string> {
  const found = await oneByName(client, 'network', what)
  if (found === undefined) throw mistake('No matching networks found')
  return found
}
