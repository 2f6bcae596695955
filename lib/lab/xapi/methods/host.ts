import { ApiError } from '../../contract'
import type { Ref } from '../../contract'
import { dateText, int, text, texts } from '../../values'
import type { XapiCall, XapiMethodTable } from '../call/method'

const HOST = ['host', 'host ref'] as const
const ENABLED = ['vm_migrate', 'provision', 'vm_resume', 'enable', 'evacuate', 'vm_start']
const DISABLED = ['vm_migrate', 'provision', 'vm_resume', 'apply_updates', 'enable', 'reboot', 'evacuate', 'vm_start', 'shutdown']

export function setEnabled({ db }: Pick<XapiCall, 'db'>, host: Ref, enabled: boolean): void {
  db.set('host', host, 'enabled', enabled)
  db.set('host', host, 'allowed_operations', enabled ? ENABLED : DISABLED)
}

export const hostMethods: XapiMethodTable = {
  'host.enable': {
    params: [HOST],
    run: (call, [host]) => {
      setEnabled(call, text(host), true)
      return ''
    },
  },
  'host.disable': {
    params: [HOST],
    run: (call, [host]) => {
      setEnabled(call, text(host), false)
      return ''
    },
  },
  // Asked of the host itself: of a dead one the answer takes as long as any call to it.
  'host.get_servertime': {
    params: [HOST],
    result: 'datetime',
    run: async (call, [host]) => dateText(new Date(int(await agentOf(call, text(host)).perform('host.clock', {})))),
  },
  'host.get_server_localtime': {
    params: [HOST],
    result: 'datetime',
    run: async (call, [host]) => dateText(new Date(int(await agentOf(call, text(host)).perform('host.clock', {})))).slice(0, -1),
  },
  'host.set_power_on_mode': {
    params: [
      ['self', 'host ref'],
      ['power_on_mode', 'string'],
      ['power_on_config', '(string -> string) map'],
    ],
    run: ({ db }, [host, mode, config]) => {
      db.set('host', text(host), 'power_on_mode', text(mode))
      db.set('host', text(host), 'power_on_config', config ?? {})
      return ''
    },
  },
  'host.is_in_emergency_mode': { params: [], syncOnly: true, run: () => false },
  'host.get_uncooperative_resident_VMs': { params: [HOST], syncOnly: true, run: () => [] },
  'host.compute_free_memory': {
    params: [HOST],
    run: ({ db }, [host]) => {
      const metrics = text(db.get('host', text(host), 'metrics'))
      const used = texts(db.get('host', text(host), 'resident_VMs')).map((vm) => int(db.get('VM', vm, 'memory_dynamic_max')))
      return int(db.get('host_metrics', metrics, 'memory_total')) - used.reduce((sum, each) => sum + each, 0)
    },
  },
}

/** The agent of a host that must exist: an unknown one is "offline". */
export function agentOf(call: XapiCall, host: Ref): ReturnType<XapiCall['agentOf']> {
  if (!call.db.exists('host', host)) throw new ApiError('HOST_OFFLINE', host)
  return call.agentOf(host)
}
