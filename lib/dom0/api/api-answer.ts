import type { IncomingMessage, ServerResponse } from 'node:http'
import { InvariantViolation } from '../../core/domain/assert'
import { Refusal } from '../../core/domain/errors'
import type { Log } from '../../ports/log'
import { fits, misfit, type ApiTable, type AskShapes } from '../../wire/ask-shapes'

/** Longest body of a request or an answer, in bytes. Daemon and callers must agree. */
export const BODY_BYTES_MAX = 1024 * 1024

export type Handlers<Api extends ApiTable<Api>> = {
  readonly [F in keyof Api]: (ask: Api[F]['ask']) => Promise<Api[F]['answer']>
}

export interface Service<Api extends ApiTable<Api>> {
  readonly shapes: AskShapes<Api>
  readonly handlers: Handlers<Api>
  /** Functions this socket offers; all when absent. */
  readonly allow?: readonly (keyof Api & string)[]
  readonly log: Log
}

/** Exit status of a process that met a bug of its own. */
const BUG = 70

interface Answer {
  readonly status: number
  readonly body: object
}

const badRequest = (reason: string): Answer => ({
  status: 400,
  body: { refusal: { code: 'HOLDFAST_BAD_REQUEST', facts: { reason } } },
})

/** One request of the JSON API (the envelope is in wire/daemon-api.ts). Never rejects. */
export async function answerRequest<Api extends ApiTable<Api>>(
  service: Service<Api>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = await answerTo(service, request)
  if (response.destroyed) return
  const text = JSON.stringify(answer.body)
  response.writeHead(answer.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  })
  response.end(text)
}

async function answerTo<Api extends ApiTable<Api>>(service: Service<Api>, request: IncomingMessage): Promise<Answer> {
  const path = request.url ?? ''
  const fn = path.startsWith('/v1/') ? path.slice('/v1/'.length) : ''
  if (!isOffered(service, fn)) return badRequest(`There is no function "${fn.slice(0, 80) || path.slice(0, 80)}" here.`)
  if (request.method !== 'POST') return badRequest('Functions are called with POST.')
  const body = await bodyOf(request)
  if (body === null) return badRequest(`The body is longer than ${BODY_BYTES_MAX} bytes, or was cut off.`)
  const ask = parsed(body)
  if (!fits(service.shapes, fn, ask)) return badRequest(misfit(service.shapes[fn], ask))
  try {
    return { status: 200, body: { value: await service.handlers[fn](ask) } }
  } catch (error) {
    // A bug stops the process at the assert: its supervisor starts it again, and nothing is decided on a broken belief.
    if (error instanceof InvariantViolation) setImmediate(() => process.exit(BUG))
    if (error instanceof Refusal) return { status: 409, body: { refusal: { code: error.code, facts: error.facts } } }
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    service.log.error('a function of the API failed', {
      fn,
      error: text,
      stack: error instanceof Error ? error.stack : undefined,
    })
    return { status: 500, body: { bug: text } }
  }
}

const isOffered = <Api extends ApiTable<Api>>(service: Service<Api>, fn: string): fn is keyof Api & string =>
  Object.hasOwn(service.handlers, fn) && (service.allow === undefined || service.allow.some((allowed) => allowed === fn))

/** Undefined (which fits no shape) for a text that is not JSON. */
function parsed(body: string): unknown {
  try {
    return JSON.parse(body === '' ? '{}' : body)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Null when it is longer than allowed or the asker went away in the middle. The rest of a long body is read and dropped. */
function bodyOf(request: IncomingMessage): Promise<string | null> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk)
    })
    request.on('end', () => resolve(bytes <= BODY_BYTES_MAX ? Buffer.concat(chunks).toString('utf8') : null))
    request.on('error', () => resolve(null))
    request.on('close', () => resolve(null))
  })
}
