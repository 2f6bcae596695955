import { request, type RequestOptions } from 'node:http'
import { Limit } from './limit'

/** Where xapi listens: this host's socket, or a host's TCP port (without TLS: for pools in a lab and on trusted wires). */
export type XapiAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** An answer of XAPI that is an error; `code` and `params` as in xen-api's own errors, which decides by them. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  constructor(
    readonly code: string,
    readonly params: readonly string[],
  ) {
    super([code, ...params].join(' '))
  }
}

/** No answer: `code` is the system's, or BAD_ANSWER. */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  constructor(
    readonly code: string,
    text: string,
  ) {
    super(text)
  }
}

/** Calls without a limit of their own are those that log in and out. */
const SESSION_CALLS_MS = 5000
const LARGEST_ANSWER_BYTES = 256 * 1024 * 1024

/**
 * JSON-RPC 2.0, one connection per call: on a unix socket a connection costs nothing, and none can go stale over a restart of
 * xapi. The request ends with its limit.
 */
export async function callOver(
  address: XapiAddress,
  method: string,
  params: readonly unknown[],
  given?: Limit,
): Promise<unknown> {
  const limit = given ?? new Limit(SESSION_CALLS_MS)
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  try {
    return readAnswer(await limit.bound(post(address, body, limit.signal)))
  } finally {
    if (given === undefined) limit.end()
  }
}

function post(address: XapiAddress, body: string, signal: AbortSignal): Promise<string> {
  const options: RequestOptions = {
    ...address,
    agent: false,
    method: 'POST',
    path: '/jsonrpc',
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
    signal,
  }
  return new Promise((resolve, reject) => {
    const broken = (error: NodeJS.ErrnoException): void => reject(new TransportError(error.code ?? 'BROKEN', error.message))
    const asking = request(options, (answer) => {
      const chunks: Buffer[] = []
      let bytes = 0
      answer.on('data', (chunk: Buffer) => {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes > LARGEST_ANSWER_BYTES) answer.destroy(new Error('the answer is too large'))
      })
      answer.on('error', broken)
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (answer.statusCode === 200) resolve(text)
        else reject(new TransportError('BAD_ANSWER', `HTTP status ${answer.statusCode ?? 0}`))
      })
    })
    asking.on('error', broken)
    asking.end(body)
  })
}

/** XAPI answers in two forms: 2.0, and while it starts 1.0, where the error is an array. */
function readAnswer(text: string): unknown {
  const answer = parsed(text)
  if (typeof answer !== 'object' || answer === null) throw new TransportError('BAD_ANSWER', 'the answer is no JSON-RPC')
  const error: unknown = 'error' in answer ? answer.error : null
  if (Array.isArray(error)) throw new RpcError(String(error[0]), error.slice(1).map(String))
  if (typeof error === 'object' && error !== null && 'message' in error) {
    throw new RpcError(String(error.message), 'data' in error && Array.isArray(error.data) ? error.data.map(String) : [])
  }
  if (!('result' in answer)) throw new TransportError('BAD_ANSWER', 'the answer has neither result nor error')
  return answer.result
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new TransportError('BAD_ANSWER', 'the answer is no JSON')
    throw error
  }
}
