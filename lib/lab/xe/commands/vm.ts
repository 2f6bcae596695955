import { NULL_REF } from '../../contract'
import { text } from '../../values'
import type { XeArguments } from '../arguments'
import { isForced } from '../arguments'
import type { XeClient } from '../client'
import { columnsOf } from '../columns'
import { mistake, missing } from '../failure'
import { oneByName, select } from '../listing'
import { required } from '../parameters'
import type { XeCommandTable } from './command'

/** The machines that vm=, uuid= or filters name; there must be one, or --multiple. */
async function machines(client: XeClient, args: XeArguments, own: readonly string[]): Promise<string[]> {
  const named = args.pairs.get('vm')
  if (named !== undefined) {
    const ref = await oneByName(client, 'VM', named)
    if (ref === undefined) throw mistake('No matching VMs found')
    return [ref]
  }
  const filters = new Map([...args.pairs].filter(([name]) => !own.includes(name)))
  const found = await select(client, 'VM', columnsOf('VM'), { ...args, pairs: filters })
  if (found.length === 0) throw mistake('No matching VMs found')
  if (found.length > 1 && !args.flags.has('multiple'))
    throw mistake('Multiple matches found; use --multiple to act on all of them')
  return found.map(({ ref }) => ref)
}

async function each(
  client: XeClient,
  args: XeArguments,
  own: readonly string[],
  act: (vm: string) => Promise<unknown>,
): Promise<string> {
  for (const vm of await machines(client, args, own)) await act(vm)
  return ''
}

async function hostNamed(client: XeClient, name: string): Promise<string> {
  const host = await oneByName(client, 'host', name)
  if (host === undefined) throw mistake('No matching hosts found')
  return host
}

export const vmCommands: XeCommandTable = {
  'vm-start': async (client, args) => {
    const on = args.pairs.get('on')
    const host = on === undefined ? undefined : await hostNamed(client, on)
    const paused = args.pairs.get('paused') === 'true'
    return each(client, args, ['on', 'paused', 'force'], (vm) =>
      host === undefined
        ? client.call('VM.start', vm, paused, isForced(args))
        : client.call('VM.start_on', vm, host, paused, isForced(args)),
    )
  },
  'vm-shutdown': (client, args) =>
    each(client, args, ['force'], (vm) => client.call(isForced(args) ? 'VM.hard_shutdown' : 'VM.clean_shutdown', vm)),
  'vm-reboot': (client, args) =>
    each(client, args, ['force'], (vm) => client.call(isForced(args) ? 'VM.hard_reboot' : 'VM.clean_reboot', vm)),
  'vm-pause': (client, args) => each(client, args, [], (vm) => client.call('VM.pause', vm)),
  'vm-unpause': (client, args) => each(client, args, [], (vm) => client.call('VM.unpause', vm)),
  'vm-destroy': (client, args) => each(client, args, [], (vm) => client.call('VM.destroy', vm)),
  'vm-reset-powerstate': (client, args) => {
    if (!isForced(args)) throw mistake('This may lose data when the VM still runs somewhere. It must be forced (use --force).')
    return each(client, args, ['force'], (vm) => client.call('VM.power_state_reset', vm))
  },
  'vm-clone': async (client, args) => {
    const name = required(args, 'new-name-label')
    const [vm] = await machines(client, args, ['new-name-label', 'new-name-description'])
    const clone = await client.call('VM.clone', vm ?? NULL_REF, name)
    return `${text(await client.call('VM.get_uuid', clone))}\n`
  },
  'vm-migrate': async (client, args) => {
    const to = args.pairs.get('host') ?? args.pairs.get('host-uuid')
    if (to === undefined) throw missing('host')
    const host = await hostNamed(client, to)
    const live = args.pairs.get('live') ?? 'false'
    return each(client, args, ['host', 'host-uuid', 'live'], (vm) => client.call('VM.pool_migrate', vm, host, { live }))
  },
}
