import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { Refusal, REFUSALS, type Facts, type RefusalCode } from '../../core/domain/errors'
import { BODY_BYTES_MAX } from './api-answer'

/** The other side failed in a way nobody foresaw; its log has the stack. */
export class DaemonBug extends Error {
  override readonly name = 'DaemonBug'
}

export interface Question {
  readonly fn: string
  readonly ask: object
  readonly limitMs: number
}

/**
 * One question and its answer over HTTP; `open` makes the request on a new socket (the default agent would keep and share it). Rejects with the other side's Refusal, with
 * Refusal HOLDFAST_TIMED_OUT, with DaemonBug, or with the system's error of the connection. The shape of a value is trusted: both
 * sides are installed together.
 */
export function exchange<Answer>(open: (options: RequestOptions) => ClientRequest, question: Question): Promise<Answer> {
  const { fn, ask, limitMs } = question
  const body = JSON.stringify(ask)
  return new Promise((resolve, reject) => {
    const request = open({
      method: 'POST',
      path: `/v1/${fn}`,
      headers: { host: 'holdfast', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    })
    const deadline = setTimeout(() => {
      const reason = `Function "${fn}" was not answered in that time.`
      request.destroy(new Refusal('HOLDFAST_TIMED_OUT', { seconds: limitMs / 1000, reason }))
    }, limitMs)
    request.on('close', () => clearTimeout(deadline))
    request.on('error', reject)
    request.on('response', (response) => {
      response.on('error', reject)
      void textOf(response)
        .then((text) => resolve(valueOf(text, response.statusCode ?? 0) as Answer))
        .catch(reject)
    })
    request.end(body)
  })
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('a response without an encoding consists of buffers')
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new DaemonBug(`the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Answers may be longer than questions: the status of a pool with thousands of disks. */
const ANSWER_BYTES_MAX = 16 * BODY_BYTES_MAX

function valueOf(text: string, status: number): unknown {
  const envelope = parsed(text, status)
  if (isRefusal(envelope)) throw new Refusal(envelope.refusal.code, envelope.refusal.facts)
  if (typeof envelope === 'object' && envelope !== null && 'value' in envelope) return envelope.value
  if (typeof envelope === 'object' && envelope !== null && 'bug' in envelope) throw new DaemonBug(String(envelope.bug))
  throw new DaemonBug(`HTTP ${status} with an answer of unknown shape: ${text.slice(0, 200)}`)
}

function parsed(text: string, status: number): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new DaemonBug(`HTTP ${status} with an answer that is not JSON: ${text.slice(0, 200)}`)
    throw error
  }
}

const isRefusal = (envelope: unknown): envelope is { refusal: { code: RefusalCode; facts: Facts } } => {
  if (typeof envelope !== 'object' || envelope === null || !('refusal' in envelope)) return false
  const { refusal } = envelope
  return (
    typeof refusal === 'object' &&
    refusal !== null &&
    'code' in refusal &&
    typeof refusal.code === 'string' &&
    Object.hasOwn(REFUSALS, refusal.code) &&
    'facts' in refusal &&
    typeof refusal.facts === 'object' &&
    refusal.facts !== null
  )
}
