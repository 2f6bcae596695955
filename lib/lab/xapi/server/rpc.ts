/** From HTTP bodies to calls and back, in the protocol the path names. */
import { asApiError } from '../coordinator'
import type { Answer } from '../coordinator'
import { EnvelopeFault, readJsonCall, writeJsonFailure, writeJsonSuccess } from '../wire/json-rpc'
import type { RpcCall } from '../wire/xml-rpc'
import { readCall, writeFailure, writeSuccess } from '../wire/xml-rpc'
import { parseXml, XmlFault } from '../wire/xml-tree'
import type { HttpReply, HttpRequest } from './http'
import { errorPage } from './pages'

/** Undefined: close the connection without an answer. */
export type Caller = (call: RpcCall) => Promise<Answer | undefined>

const broken = (detail: string): HttpReply => ({ status: 500, contentType: 'text/html', body: errorPage(detail) })

export async function serveRpc(request: HttpRequest, caller: Caller): Promise<HttpReply | undefined> {
  if (request.body === undefined) return broken('Http_svr.Client_requested_size_over_limit')
  const text = request.body.toString()
  try {
    return isJson(request) ? await json(text, caller) : await xml(text, caller)
  } catch (error) {
    if (error instanceof EnvelopeFault) return broken(error.message)
    if (error instanceof XmlFault) return broken(`Xmlm.Error(${error.line}:1, "${error.message}")`)
    throw error
  }
}

/** Every path but this one is XML-RPC. */
export const isJson = ({ path }: HttpRequest): boolean => path.split('?')[0] === '/jsonrpc'

/** The call in a body; throws EnvelopeFault or XmlFault. */
export function readRpc(request: HttpRequest): RpcCall {
  const text = (request.body ?? Buffer.alloc(0)).toString()
  return isJson(request) ? readJsonCall(text) : readCall(parseXml(text))
}

async function json(text: string, caller: Caller): Promise<HttpReply | undefined> {
  const call = readJsonCall(text)
  const reply = (body: string): HttpReply => ({ status: 200, contentType: 'application/json', body })
  try {
    const answer = await caller(call)
    return answer === undefined ? undefined : reply(writeJsonSuccess(call, answer.value))
  } catch (error) {
    const { code, params } = asApiError(error)
    return reply(writeJsonFailure(call, code, params))
  }
}

async function xml(text: string, caller: Caller): Promise<HttpReply | undefined> {
  const call = readCall(parseXml(text))
  const reply = (body: string): HttpReply => ({ status: 200, contentType: 'text/xml', body })
  try {
    const answer = await caller(call)
    return answer === undefined ? undefined : reply(writeSuccess(answer.value, answer.type))
  } catch (error) {
    const { code, params } = asApiError(error)
    return reply(writeFailure(code, params))
  }
}
