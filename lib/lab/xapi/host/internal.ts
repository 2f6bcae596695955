/** The paths that hosts use among themselves, behind the pool secret. */
import { timingSafeEqual } from 'node:crypto'
import type { Ref, Value } from '../../contract'
import { ApiError } from '../../contract'
import { fromJson, isRecord, record, text } from '../../values'
import { asApiError } from '../coordinator'
import type { HttpReply, HttpRequest } from '../server/http'

export interface InternalAnswers {
  /** coordinator or member. */
  role(): string
  perform(operation: string, args: { [key: string]: Value }): Promise<Value>
  /** Whether a session of the coordinator is good. */
  isSession(ref: Ref): boolean
  /** A call with a member's local session, params without the session. */
  call(method: string, params: readonly unknown[], session: Ref, door: Ref): Promise<Value>
}

export function hasSecret({ headers }: HttpRequest, secret: string): boolean {
  const given = headers['x-pool-token']
  if (typeof given !== 'string') return false
  const [a, b] = [Buffer.from(given), Buffer.from(secret)]
  return a.length === b.length && timingSafeEqual(a, b)
}

export async function serveInternal(request: HttpRequest, answers: InternalAnswers): Promise<HttpReply> {
  const reply = (body: unknown): HttpReply => ({ status: 200, contentType: 'application/json', body: JSON.stringify(body) })
  try {
    return reply({ ok: await answer(request, answers) })
  } catch (error) {
    const { code, params } = asApiError(error)
    return reply({ error: [code, ...params] })
  }
}

async function answer(request: HttpRequest, answers: InternalAnswers): Promise<Value> {
  const json: unknown = JSON.parse((request.body ?? Buffer.from('{}')).toString())
  const body = fromJson(json)
  if (!isRecord(body)) throw new ApiError('INTERNAL_ERROR', 'not an object')
  switch (request.path) {
    case '/lab/role':
      return answers.role()
    case '/lab/agent':
      return answers.perform(text(body['operation']), record(body['args']))
    case '/lab/session':
      return answers.isSession(text(body['session']))
    case '/lab/call':
      return answers.call(text(body['method']), paramsOf(json), text(body['session']), text(body['door']))
    default:
      throw new ApiError('INTERNAL_ERROR', `no internal path ${request.path}`)
  }
}

/** As sent, null included. */
function paramsOf(body: unknown): readonly unknown[] {
  return typeof body === 'object' && body !== null && 'params' in body && Array.isArray(body.params)
    ? (body.params as readonly unknown[])
    : []
}
