import { readFileSync } from 'node:fs'
import type { Value } from '../../contract'
import { NULL_REF } from '../../contract'
import { text, texts } from '../../values'
import { hasErrno } from '../../xapi/process/errno'
import type { XeArguments } from '../arguments'
import { isForced, mapArgument } from '../arguments'
import type { XeClient } from '../client'
import { mistake, XeFailure } from '../failure'
import { required } from '../parameters'
import type { XeCommandTable } from './command'

const hostOf = async (client: XeClient, args: XeArguments, name = 'uuid'): Promise<Value> =>
  client.call('host.get_by_uuid', required(args, name))

const onHost =
  (method: string): XeCommandTable[string] =>
  async (client, args) => {
    await client.call(method, await hostOf(client, args))
    return ''
  }

/** args:key=value, and args:key:file=path for the content of a file. */
function pluginArguments(args: XeArguments): { [key: string]: string } {
  return Object.fromEntries(
    Object.entries(mapArgument(args, 'args')).map(([key, value]) =>
      key.endsWith(':file') ? [key.slice(0, -':file'.length), content(value)] : [key, value],
    ),
  )
}

function content(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) throw new XeFailure(`Failed to read file ${path}\n`)
    throw error
  }
}

/** Answered for the host that is asked, whichever is named. */
const isMember = async (client: XeClient): Promise<boolean> => (await client.call('pool.is_slave', NULL_REF)) === true

const MESSAGE_CLASSES = { 'vm-uuid': 'VM', 'pool-uuid': 'Pool', 'sr-uuid': 'SR', 'host-uuid': 'Host' } as const

export const poolCommands: XeCommandTable = {
  'host-call-plugin': async (client, args) => {
    const [uuid, plugin, fn] = ['host-uuid', 'plugin', 'fn'].map((name) => required(args, name))
    const given = pluginArguments(args)
    const host = await client.call('host.get_by_uuid', uuid ?? '')
    return `${text(await client.call('host.call_plugin', host, plugin ?? '', fn ?? '', given))}\n`
  },
  'vm-call-host-plugin': async (client, args) => {
    const vm = await client.call('VM.get_by_uuid', required(args, 'vm-uuid'))
    const answer = await client.call(
      'VM.call_host_plugin',
      vm,
      required(args, 'plugin'),
      required(args, 'fn'),
      pluginArguments(args),
    )
    return `${text(answer)}\n`
  },
  'host-enable': onHost('host.enable'),
  'host-disable': onHost('host.disable'),
  'host-declare-dead': (client, args) => {
    if (!isForced(args))
      throw mistake('Only a host that is verified to be off may be declared dead. It must be forced (use --force).')
    return onHost('host.declare_dead')(client, args)
  },
  'host-is-in-emergency-mode': async (client) =>
    (await client.call('host.is_in_emergency_mode')) === true ? 'true\n' : 'false\n',
  'pool-emergency-transition-to-master': async (client, args) => {
    if (!isForced(args) && !(await isMember(client)))
      return 'This host is the coordinator already. Use --force to do it nevertheless.\n'
    await client.call('pool.emergency_transition_to_master')
    return ''
  },
  'pool-emergency-reset-master': async (client, args) => {
    await client.call('pool.emergency_reset_master', required(args, 'master-address'))
    return ''
  },
  'pool-sync-database': async (client) => {
    await client.call('pool.sync_database')
    return ''
  },
  'pool-recover-slaves': async (client) => {
    const hosts = texts(await client.call('pool.recover_slaves'))
    const uuids = await Promise.all(hosts.map((host) => client.uuidOf('host', host)))
    return uuids.map((uuid) => `${uuid ?? ''}\n`).join('')
  },
  'message-create': async (client, args) => {
    const [name, body] = [required(args, 'name'), args.pairs.get('body') ?? '']
    const of = Object.entries(MESSAGE_CLASSES).find(([key]) => args.pairs.has(key))
    if (of === undefined) throw mistake('Required parameter not found: one of vm-uuid, pool-uuid, sr-uuid, host-uuid')
    await client.call('message.create', name, required(args, 'priority'), of[1], args.pairs.get(of[0]) ?? '', body)
    return ''
  },
  'message-destroy': async (client, args) => {
    await client.call('message.destroy', await client.call('message.get_by_uuid', required(args, 'uuid')))
    return ''
  },
  'task-cancel': async (client, args) => {
    await client.call('task.cancel', await client.call('task.get_by_uuid', required(args, 'uuid')))
    return ''
  },
}
