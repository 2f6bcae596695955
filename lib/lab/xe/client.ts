/** One xe run's session with the toolstack: JSON-RPC over a unix socket or TCP. */
import { request } from 'node:http'
import type { Value } from '../contract'
import { ApiError, NULL_REF } from '../contract'
import { fromJson, isRecord, record, text, texts } from '../values'
import { XeFailure } from './failure'

export type Server = { readonly socketPath: string } | { readonly host: string; readonly port: number }

export class XeClient {
  private session = ''
  private isLocal = false
  private readonly names = new Map<string, string>()

  constructor(private readonly server: Server) {}

  /** Answers the session. */
  async login(user: string, password: string): Promise<string> {
    this.session = text(await this.send('session.login_with_password', [user, password, '1.0', 'cli']))
    return this.session
  }

  /** A session of the host itself, which needs no coordinator. */
  async loginLocally(user: string, password: string): Promise<void> {
    this.session = text(await this.send('session.slave_local_login_with_password', [user, password]))
    this.isLocal = true
  }

  async logout(): Promise<void> {
    await this.call(this.isLocal ? 'session.local_logout' : 'session.logout')
  }

  call(method: string, ...params: Value[]): Promise<Value> {
    return this.send(method, [this.session, ...params])
  }

  /** The uuid of an object; undefined for the null reference and for what is gone. */
  async uuidOf(cls: string, ref: string): Promise<string | undefined> {
    if (ref === NULL_REF || ref === '') return undefined
    try {
      return text(await this.call(`${cls}.get_uuid`, ref))
    } catch (error) {
      if (error instanceof ApiError && error.code === 'HANDLE_INVALID') return undefined
      throw error
    }
  }

  /** "uuid (name)" for a reference that xe has met or can find among machines and hosts; anything else as it is. */
  async show(param: string): Promise<string> {
    if (!param.startsWith('OpaqueRef:')) return param
    const known = this.names.get(param)
    if (known !== undefined) return known
    for (const cls of ['VM', 'host', 'SR', 'VDI', 'pool']) {
      const uuid = await this.uuidOf(cls, param)
      if (uuid === undefined) continue
      const shown = `${uuid} (${text(await this.call(`${cls}.get_name_label`, param))})`
      this.names.set(param, shown)
      return shown
    }
    return param
  }

  private async send(method: string, params: Value[]): Promise<Value> {
    const answer = fromJson(JSON.parse(await this.post(JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))))
    const reply = record(answer)
    const error = reply['error']
    if (isRecord(error)) throw new ApiError(text(error['message']), ...texts(error['data']))
    return reply['result'] ?? ''
  }

  private post(body: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new XeFailure('Unable to contact server. Please check server and port settings.\n'))
      const headers = { 'content-type': 'application/json' }
      const outgoing = request({ ...this.server, path: '/jsonrpc', method: 'POST', headers, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.once('error', () => reject(new XeFailure('Lost connection to the server.\n')))
        response.once('end', () => resolve(Buffer.concat(chunks).toString()))
      })
      outgoing.once('error', fail)
      outgoing.end(body)
    })
  }
}
