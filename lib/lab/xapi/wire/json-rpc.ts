/** JSON-RPC 1.0 and 2.0 envelopes, with the strictness of XAPI: what it does not accept is an HTTP 500, not a JSON error. */
import type { Value } from '../../contract'
import type { RpcCall } from './xml-rpc'

export interface JsonCall extends RpcCall {
  readonly id: string | number
  readonly version: '1.0' | '2.0'
}

/** The message of XAPI's exception, for the HTML page of the HTTP 500. */
export class EnvelopeFault extends Error {
  override readonly name = 'EnvelopeFault'
}

const malformed = (what: string): EnvelopeFault => new EnvelopeFault(`Jsonrpc.Malformed_method_request("${what}")`)

export function readJsonCall(text: string): JsonCall {
  if (text.trim() === '') throw new EnvelopeFault('Yojson__Common.Json_error("Blank input data")')
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new EnvelopeFault(`Yojson__Common.Json_error("${error.message}")`)
  }
  return readEnvelope(body)
}

export function readEnvelope(body: unknown): JsonCall {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw malformed('Invalid request body')
  if ('jsonrpc' in body && body.jsonrpc !== '2.0') throw malformed("Invalid field 'jsonrpc' in request body")
  if (!('method' in body) || typeof body.method !== 'string') throw malformed("Invalid field 'method' in request body")
  if (!('id' in body) || (typeof body.id !== 'string' && typeof body.id !== 'number')) {
    throw malformed("Invalid field 'id' in request body")
  }
  const params: unknown = 'params' in body ? body.params : []
  return {
    method: body.method,
    id: body.id,
    version: 'jsonrpc' in body ? '2.0' : '1.0',
    params: Array.isArray(params) ? (params as readonly unknown[]) : [params],
  }
}

export function writeJsonSuccess({ id, version }: JsonCall, result: Value): string {
  return JSON.stringify(version === '2.0' ? { jsonrpc: '2.0', result, id } : { result, error: null, id })
}

export function writeJsonFailure({ id, version }: JsonCall, code: string, params: readonly string[]): string {
  return JSON.stringify(
    version === '2.0'
      ? { jsonrpc: '2.0', error: { code: 1, message: code, data: params }, id }
      : { result: null, error: [code, ...params], id },
  )
}
