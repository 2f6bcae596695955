/** Recorded calls as they were on the wire, sent to a host of the lab; answers in one form whatever the transport. */
import { request } from 'node:http'
import { loose } from '../call/incoming'
import { readValue, writeValue } from '../wire/xml-rpc'
import { escapeXml, parseXml } from '../wire/xml-tree'
import type { Step } from './recording'

export interface Reply {
  readonly status: number
  readonly text: string
}

export type NoReply = 'closed' | 'no answer in time'

let lastId = 0

export function bodyOf({ transport, members }: Step, params: readonly unknown[], raw: unknown): { path: string; body: string } {
  const isXml = transport === 'xml-rpc'
  const path = typeof members['path'] === 'string' ? members['path'] : isXml ? '/' : '/jsonrpc'
  if (typeof raw === 'string') return { path, body: raw }
  const method = String(members['method'])
  if (isXml) return { path, body: xmlCall(method, params) }
  const version = transport.endsWith('2.0') ? { jsonrpc: '2.0' } : {}
  return { path, body: JSON.stringify({ ...version, method, params, id: ++lastId }) }
}

function xmlCall(method: string, params: readonly unknown[]): string {
  const all = params.map((each) => `<param>${typedXml(each)}</param>`).join('')
  return `<?xml version="1.0"?><methodCall><methodName>${escapeXml(method)}</methodName><params>${all}</params></methodCall>`
}

/** As the recorder sent it: numbers as <i4>. */
function typedXml(value: unknown): string {
  if (typeof value === 'number') return `<value><i4>${value}</i4></value>`
  if (Array.isArray(value)) return `<value><array><data>${value.map(typedXml).join('')}</data></array></value>`
  if (typeof value !== 'object' || value === null) return writeValue(loose(value))
  const members = Object.entries(value).map(
    ([key, member]) => `<member><name>${escapeXml(key)}</name>${typedXml(member)}</member>`,
  )
  return `<value><struct>${members.join('')}</struct></value>`
}

interface Target {
  readonly host: string
  readonly port: number
  readonly path: string
}

/** A server that is not there, or goes away meanwhile, closes the connection: that is an answer, too. */
export function post(target: Target, body: string, limitMs: number): Promise<Reply | NoReply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, method: 'POST', agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', failed)
      response.once('end', () => {
        clearTimeout(limit)
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
      })
    })
    const limit = setTimeout(() => {
      resolve('no answer in time')
      outgoing.destroy()
    }, limitMs)
    const failed = (error: Error & { code?: string }): void => {
      clearTimeout(limit)
      if (['ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(error.code ?? '')) resolve('closed')
      else reject(error)
    }
    outgoing.once('error', failed)
    outgoing.end(body)
  })
}

/** XML answers in the form of JSON-RPC 1.0 ones. */
export function answerOf(text: string): unknown {
  if (!text.startsWith('<')) return JSON.parse(text) as unknown
  const struct = readValue(parseXml(text).children[0]?.children[0]?.children[0])
  const { Status, Value, ErrorDescription } = { Status: '', Value: null, ErrorDescription: null, ...asObject(struct) }
  return Status === 'Success' ? { result: loose(Value), error: null } : { result: null, error: ErrorDescription }
}

/** The id of a JSON answer is the recorder's counter. */
export function withoutId(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null) return answer
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'id'))
}

export const asObject = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {})
