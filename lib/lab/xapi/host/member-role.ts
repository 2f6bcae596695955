/** A host while it is a member: it knows the coordinator's address and passes on what it may. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Value } from '../../contract'
import type { HttpReply, HttpRequest } from '../server/http'
import type { Peer, Reply } from './link'
import { LinkDown, post, readInternal } from './link'

const RETRY_MS = 250
const CONNECT_MS = 2000

export class MemberRole {
  readonly kind = 'member'
  private readonly end = new AbortController()

  constructor(
    readonly of: Peer,
    private readonly headers: Readonly<Record<string, string>>,
  ) {}

  /** Whatever still waits for the coordinator is given up. */
  close(): void {
    this.end.abort()
  }

  /** A client's request, word for word. Undefined: this host stopped being a member, or the coordinator died under the call. */
  async forward(request: HttpRequest): Promise<HttpReply | undefined> {
    const headers = { ...this.headers, 'content-type': request.headers['content-type'] ?? 'text/plain' }
    const reply = await this.send(request.path, headers, request.body ?? Buffer.alloc(0))
    return reply && { status: reply.status, contentType: reply.contentType, body: reply.body }
  }

  /** An internal question. Undefined as above. */
  async ask(path: string, body: { [key: string]: unknown }): Promise<Value | undefined> {
    const reply = await this.send(path, { ...this.headers, 'content-type': 'application/json' }, JSON.stringify(body))
    return reply && readInternal(reply)
  }

  /** An internal question that is not repeated; rejects with LinkDown when the coordinator does not answer. */
  async askOnce(path: string, body: { [key: string]: unknown }): Promise<Value> {
    const headers = { ...this.headers, 'content-type': 'application/json' }
    return readInternal(
      await post(this.of, { path, headers, body: JSON.stringify(body), signal: this.end.signal, connectMs: CONNECT_MS }),
    )
  }

  /** While the coordinator is dead this waits, without end: so does the real one. */
  private async send(path: string, headers: Readonly<Record<string, string>>, body: string | Buffer): Promise<Reply | undefined> {
    while (!this.end.signal.aborted) {
      try {
        return await post(this.of, { path, headers, body, signal: this.end.signal, connectMs: CONNECT_MS })
      } catch (error) {
        if (!(error instanceof LinkDown)) throw error
        if (error.wasSent) return undefined
        await delay(RETRY_MS, undefined, { signal: this.end.signal }).catch(() => undefined)
      }
    }
    return undefined
  }
}
