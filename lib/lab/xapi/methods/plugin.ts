/** host.call_plugin and its kin. */
import { ApiError, NULL_REF } from '../../contract'
import type { Ref, Value } from '../../contract'
import { text } from '../../values'
import type { XapiCall, XapiMethodTable } from '../call/method'
import { readExtensionCall } from '../plugin/extension'
import { agentOf } from './host'

const PLUGIN = [
  ['plugin', 'string'],
  ['fn', 'string'],
  ['args', '(string -> string) map'],
] as const

export const pluginMethods: XapiMethodTable = {
  'host.call_plugin': {
    params: [['host', 'host ref'], ...PLUGIN],
    run: (call, [host, plugin, fn, args]) =>
      callPlugin(call, text(host), { plugin: text(plugin), fn: text(fn), args: args ?? {} }),
  },
  'VM.call_host_plugin': {
    params: [['vm', 'VM ref'], ...PLUGIN],
    run: (call, [vm, plugin, fn, args]) => {
      const host = text(call.db.get('VM', text(vm), 'resident_on'))
      if (host === NULL_REF) {
        throw new ApiError('VM_BAD_POWER_STATE', text(vm), 'Running', text(call.db.get('VM', text(vm), 'power_state')))
      }
      return callPlugin(call, host, { plugin: text(plugin), fn: text(fn), args: args ?? {} })
    },
  },
  // The only plug-in meant for guests is the guest agent's, and the lab's guests run none.
  'VM.call_plugin': {
    params: [['vm', 'VM ref'], ...PLUGIN],
    run: (_call, [, plugin, fn]) => {
      if (plugin !== 'guest-agent-operation') throw new ApiError('XENAPI_MISSING_PLUGIN', text(plugin))
      const why = `The requested fn "${text(fn)}" could not be found in plugin "${plugin}".`
      throw new ApiError('XENAPI_PLUGIN_FAILURE', 'failed to find fn', why, why)
    },
  },
  'host.has_extension': {
    params: [
      ['host', 'host ref'],
      ['name', 'string'],
    ],
    run: (call, [host, name]) => agentOf(call, text(host)).perform('extension.exists', { name: text(name) }),
  },
  'pool.has_extension': {
    params: [
      ['self', 'pool ref'],
      ['name', 'string'],
    ],
    run: async (call, [, name]) => {
      for (const host of call.db.refs('host')) {
        if (!(await call.agentOf(host).perform('extension.exists', { name: text(name) }))) return false
      }
      return true
    },
  },
  'host.call_extension': {
    params: [
      ['host', 'host ref'],
      ['call', 'string'],
    ],
    run: async (call, [host, request]) => {
      const { name, params } = readExtensionCall(text(request))
      const agent = agentOf(call, text(host))
      if (!(await agent.perform('extension.exists', { name }))) throw new ApiError('MESSAGE_METHOD_UNKNOWN', name)
      return agent.perform('extension.call', { name, params })
    },
  },
}

/**
 * On the coordinator the plug-in gets the caller's session. On a member it gets a fresh one of that host's xapi, whose parent is the
 * caller's, and which ends with the call.
 */
async function callPlugin(call: XapiCall, host: Ref, request: { [key: string]: Value }): Promise<Value> {
  const agent = agentOf(call, host)
  if (call.db.exists('task', call.task)) call.db.set('task', call.task, 'resident_on', host)
  if (host === call.here) return agent.perform('plugin.call', { ...request, session: call.session })
  const { sessions } = call.coordinator
  const session = sessions.open({ host, user: '', originator: 'xapi', parent: call.session })
  try {
    return await agent.perform('plugin.call', { ...request, session })
  } finally {
    sessions.close(session)
  }
}
