/** Calls from one host's xapi to another's, authenticated by the pool secret. */
import { request } from 'node:http'
import type { Value } from '../../contract'
import { ApiError } from '../../contract'
import { fromJson, isRecord, text, texts } from '../../values'

export interface Peer {
  readonly address: string
  readonly port: number
}

export interface Reply {
  readonly status: number
  readonly body: Buffer
  readonly contentType: string
}

/** The connection could not be made, or ended before the answer. `wasSent` tells whether the other side may have acted. */
export class LinkDown extends Error {
  override readonly name = 'LinkDown'
  constructor(
    readonly wasSent: boolean,
    why: string,
  ) {
    super(why)
  }
}

export interface Post {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer
  readonly signal?: AbortSignal
  /** Until the connection is made. */
  readonly connectMs: number
}

/** Rejects with LinkDown only. */
export function post({ address, port }: Peer, { path, headers, body, signal, connectMs }: Post): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let isConnected = false
    const outgoing = request({ host: address, port, path, method: 'POST', headers, agent: false, ...(signal && { signal }) })
    const timer = setTimeout(() => outgoing.destroy(new Error('no connection in time')), connectMs)
    const fail = (error: Error): void => {
      clearTimeout(timer)
      reject(new LinkDown(isConnected, error.message))
    }
    outgoing.once('socket', (socket) =>
      socket.once('connect', () => {
        isConnected = true
        clearTimeout(timer)
      }),
    )
    outgoing.once('error', fail)
    outgoing.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', fail)
      response.once('close', () => {
        if (!response.complete) fail(new Error('answer cut short'))
        else {
          const contentType = response.headers['content-type'] ?? 'text/plain'
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks), contentType })
        }
      })
    })
    outgoing.end(body)
  })
}

/** Answers of the internal paths: {ok: value} or {error: [code, ...params]}. */
export function readInternal(reply: Reply): Value {
  const body = fromJson(JSON.parse(reply.body.toString()))
  if (!isRecord(body)) throw new Error('not an internal answer')
  if (body['error'] === undefined) return body['ok'] ?? ''
  const [code, ...params] = texts(body['error'])
  throw new ApiError(text(code), ...params)
}
