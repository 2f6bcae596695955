import { request } from 'node:http'
import type { Value } from '../contract'

/** A call of the API failed: [code, ...params]. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed'
  constructor(
    readonly method: string,
    readonly code: string,
    readonly params: readonly string[],
  ) {
    super(`${method}: ${[code, ...params].join(' ')}`)
  }
}

/** A session with one host's toolstack over its unix socket, as local root. */
export class LocalApi {
  #session = ''
  #lastId = 0

  private constructor(
    private readonly socketPath: string,
    private readonly limitMs: number,
  ) {}

  /** `limitMs` bounds each call. */
  static async login(socketPath: string, limitMs = 60_000): Promise<LocalApi> {
    const api = new LocalApi(socketPath, limitMs)
    api.#session = text(await api.#post('session.login_with_password', ['root', '', '1.0', 'holdfast-lab']))
    return api
  }

  call(method: string, ...params: readonly Value[]): Promise<Value> {
    return this.#post(method, [this.#session, ...params])
  }

  async ref(method: string, ...params: readonly Value[]): Promise<string> {
    return text(await this.call(method, ...params))
  }

  async logout(): Promise<void> {
    await this.call('session.logout')
  }

  async #post(method: string, params: readonly Value[]): Promise<Value> {
    const body = await this.#exchange(JSON.stringify({ jsonrpc: '2.0', method, params, id: ++this.#lastId }))
    const answer: unknown = JSON.parse(body)
    if (isRecord(answer) && 'error' in answer) throw failure(method, answer['error'])
    if (!isRecord(answer) || !isValue(answer['result'])) throw new Error(`${method}: not an answer: ${body.slice(0, 200)}`)
    return answer['result']
  }

  #exchange(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: this.socketPath,
        path: '/jsonrpc',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      }
      const call = request({ ...options, timeout: this.limitMs, agent: false }, (response) => {
        const parts: Buffer[] = []
        response.on('data', (part: Buffer) => parts.push(part))
        response.on('error', reject)
        response.on('end', () => {
          const answer = Buffer.concat(parts).toString('utf8')
          if (response.statusCode === 200) resolve(answer)
          else reject(new Error(`HTTP ${response.statusCode ?? '?'} from ${this.socketPath}`))
        })
      })
      call.on('timeout', () => call.destroy(new Error(`no answer from ${this.socketPath} within ${this.limitMs} ms`)))
      call.on('error', reject)
      call.end(body)
    })
  }
}

/** The `error` member: an object in JSON-RPC 2.0, the bare array in 1.0 and while the toolstack boots. */
function failure(method: string, error: unknown): CallFailed {
  const words = Array.isArray(error)
    ? error.map(String)
    : isRecord(error)
      ? [String(error['message']), ...list(error['data'])]
      : []
  return new CallFailed(method, words[0] ?? 'INTERNAL_ERROR', words.slice(1))
}

const list = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])

function text(value: Value): string {
  if (typeof value !== 'string') throw new Error(`a string was expected, not ${JSON.stringify(value)}`)
  return value
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isValue(value: unknown): value is Value {
  if (Array.isArray(value)) return value.every(isValue)
  if (isRecord(value)) return Object.values(value).every(isValue)
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
