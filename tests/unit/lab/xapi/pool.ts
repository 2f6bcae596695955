/** Talking to a loopback pool in tests. */
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { LoopbackHost, LoopbackPool } from '../../../../lib/lab/xapi/conformance/loopback-pool'

export interface Reply {
  readonly status: number
  readonly text: string
}

interface Target {
  readonly host?: string
  readonly port?: number
  readonly socketPath?: string
}

export function post(target: Target, path: string, body: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, path, method: 'POST', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }))
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

/** One JSON-RPC 2.0 call; a failure throws an Error whose message is the code and its parameters in JSON. */
export async function rpc(target: Target, method: string, ...params: unknown[]): Promise<unknown> {
  const { text } = await post(target, '/jsonrpc', JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))
  const reply: unknown = JSON.parse(text)
  if (typeof reply !== 'object' || reply === null) throw new Error(`no answer: ${text}`)
  if ('result' in reply) return reply.result
  const error: unknown = 'error' in reply ? reply.error : undefined
  if (typeof error !== 'object' || error === null || !('message' in error) || !('data' in error)) throw new Error(text)
  throw new Error(JSON.stringify([error.message, ...(Array.isArray(error.data) ? (error.data as unknown[]) : [])]))
}

export const tcp = (pool: LoopbackPool, host: LoopbackHost): Target => ({ host: host.address, port: pool.port })
export const unix = (host: LoopbackHost): Target => ({ socketPath: host.socketPath })

/** The error a call ends with, as [code, ...params]. */
export async function failure(call: Promise<unknown>): Promise<unknown> {
  try {
    await call
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('[')) return JSON.parse(error.message) as unknown
    throw error
  }
  return 'no failure'
}

const PATIENCE_MS = 30_000

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS
  while (Date.now() < end) {
    if (await condition()) return
    await delay(20)
  }
  throw new Error(`never: ${what}`)
}
