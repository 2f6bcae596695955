import { XapiFailure } from '../ports/xapi'
import { LimitReached } from './limit'
import { RpcError, TransportError } from './transport'

/** Nothing listens there: the request was not read by anybody. */
const NOBODY = new Set(['ECONNREFUSED', 'ENOENT'])

/** The happening behind a failed call; anything else than a failed call is a bug and goes up. */
export function asFailure(error: unknown, method: string): XapiFailure {
  if (error instanceof XapiFailure) return error
  if (error instanceof LimitReached) return new XapiFailure('xapi-silent', method, 'DEADLINE')
  if (error instanceof RpcError) {
    return new XapiFailure(error.code === 'HOST_IS_SLAVE' ? 'not-coordinator' : 'xapi-error', method, error.code, error.params)
  }
  if (error instanceof TransportError) {
    if (error.code === 'ABORT_ERR') return new XapiFailure('xapi-silent', method, 'DEADLINE')
    return new XapiFailure(NOBODY.has(error.code) ? 'xapi-down' : 'xapi-silent', method, error.code, [error.message])
  }
  // xen-api ends waiting logins this way when the session is given up.
  if (error instanceof Error && error.message === 'disconnected') return new XapiFailure('xapi-silent', method, 'DISCONNECTED')
  throw error
}
