/** How a command fails: what goes to stderr. The exit code is always 1. */
import { ApiError } from '../contract'

export class XeFailure extends Error {
  override readonly name = 'XeFailure'
}

export const mistake = (text: string): XeFailure => new XeFailure(`Error: ${text}\n`)
const HINT = "For usage run: 'xe help'\n"
export const missing = (name: string): XeFailure => new XeFailure(`Required parameter not found: ${name}\n${HINT}`)
export const unknownCommand = (name: string): XeFailure => new XeFailure(`Unknown command: ${name}\n${HINT}`)

interface Known {
  readonly says: string
  readonly params: readonly string[]
}

/** Errors that are told in words, with the names of their parameters. */
const KNOWN: Readonly<Record<string, Known>> = {
  VM_BAD_POWER_STATE: { says: 'The VM is not in a power state that allows this.', params: ['vm', 'expected', 'actual'] },
  XENAPI_PLUGIN_FAILURE: { says: 'The plug-in did not answer as a plug-in should.', params: ['status', 'stdout', 'stderr'] },
  XENAPI_MISSING_PLUGIN: { says: 'There is no such plug-in on that host.', params: ['name'] },
  INTERNAL_ERROR: { says: 'The server failed while it handled the request.', params: ['message'] },
  HOST_IS_SLAVE: { says: 'This host is a member of a pool; ask its coordinator.', params: ['Master IP address'] },
  HOST_IS_LIVE: { says: 'The host is alive.', params: ['host'] },
  HOST_OFFLINE: { says: 'The host is offline.', params: ['host'] },
  CANNOT_CONTACT_HOST: { says: 'The host cannot be reached.', params: ['host'] },
  UUID_INVALID: { says: 'There is no object with this uuid.', params: ['type', 'uuid'] },
  HANDLE_INVALID: { says: 'There is no such object any more.', params: ['class', 'handle'] },
  MAP_DUPLICATE_KEY: { says: 'The map has this key already.', params: ['type', 'param_name', 'uuid', 'key'] },
  OPERATION_BLOCKED: { says: 'The operation is blocked (field blocked_operations).', params: ['ref', 'code'] },
  INVALID_VALUE: { says: 'The value is not allowed.', params: ['field', 'value'] },
  XAPI_HOOK_FAILED: { says: 'A hook script refused the operation.', params: ['hook_name', 'reason', 'stdout', 'exit_code'] },
  SESSION_AUTHENTICATION_FAILED: { says: 'Authentication failed', params: [] },
}

/** `show` turns the reference of an object into what an operator knows it by. */
export function describeFailure({ code, params }: ApiError, show: (param: string) => string): string {
  const known = KNOWN[code]
  const shown = params.map(show)
  if (known === undefined) return `Error code: ${code}\nError parameters: ${shown.join(', ')}\n`
  if (code === 'SESSION_AUTHENTICATION_FAILED') return `${known.says}\n${HINT}`
  return `${known.says}\n${known.params.map((name, index) => `${name}: ${shown[index] ?? ''}\n`).join('')}`
}
