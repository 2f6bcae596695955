import type { Log } from '../../ports/log'
import { get, type Txn, TXN_PATH, type TxnAnswer, txnAnswerOf } from '../../wire/etcd'
import { type Fields, jsonObject, Malformed } from '../../wire/shape'
import { EtcdEndpoint, type EtcdTls, NoAnswer, type Posted } from './etcd-post'

export interface GatewayOptions {
  /** URLs without a path, of the members of one cluster. */
  readonly endpoints: readonly string[]
  /** Null: only for http. */
  readonly tls: EtcdTls | null
  readonly log: Log
  /** How long one endpoint may take to answer, connecting included. */
  readonly deadlineMs: number
}

const PING_EVERY_MS = 1000
const SILENT_MS = 2500
const NO_ROOM = /space exceeded/
const PING: Txn = { compare: [], success: [get('holdfast')], failure: [] }

/** An etcd cluster through the JSON gateways of its members: one is asked until it fails, then the next. */
export class EtcdGateway {
  private readonly endpoints: readonly EtcdEndpoint[]
  private readonly ping: NodeJS.Timeout
  private preferred = 0
  private heardMs = -Infinity
  private known: string | null = null
  private revision = 0
  private trouble = ''
  private closed = false

  constructor(private readonly options: GatewayOptions) {
    this.endpoints = options.endpoints.map((url) => new EtcdEndpoint(url, options.tls))
    this.ping = setInterval(() => this.look(), PING_EVERY_MS)
    this.look()
  }

  /** The cluster's own number; null before its first answer. */
  get cluster(): string | null {
    return this.known
  }

  get reachable(): boolean {
    return performance.now() - this.heardMs < SILENT_MS
  }

  /**
   * Rejects with NoAnswer. `repeatable`: may be carried out several times, or late; anything else is given to a second endpoint
   * only when certainly nothing reached the first. `no-room`: the cluster has used up its quota, and nothing was changed.
   */
  async txn(txn: Txn, repeatable: boolean): Promise<TxnAnswer | 'no-room'> {
    for (let left = this.endpoints.length; ; left -= 1) {
      if (this.closed) throw new NoAnswer('the connection was closed', false)
      try {
        return await this.attempt(txn)
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        if (left === 1 || (error.sent && !repeatable)) {
          this.complain(error.message)
          throw error
        }
      }
    }
  }

  close(): void {
    this.closed = true
    clearInterval(this.ping)
    for (const endpoint of this.endpoints) endpoint.close()
  }

  private async attempt(txn: Txn): Promise<TxnAnswer | 'no-room'> {
    const nth = this.preferred
    const endpoint = this.endpoints[nth]
    if (endpoint === undefined) throw new NoAnswer('no endpoint is given', false)
    const revisionBefore = this.revision
    try {
      const answer = understood(endpoint.url, await endpoint.post(TXN_PATH, txn, this.options.deadlineMs))
      if (answer !== 'no-room') this.recognise(answer, revisionBefore)
      this.heard()
      return answer
    } catch (error) {
      if (error instanceof NoAnswer && this.preferred === nth) this.preferred = (nth + 1) % this.endpoints.length
      throw error
    }
  }

  /** Every answer is one of the whole cluster, so none may be of an earlier state than one before. */
  private recognise({ cluster, revision }: TxnAnswer, revisionBefore: number): void {
    this.known ??= cluster
    if (cluster !== this.known)
      throw new NoAnswer(`cluster ${cluster} answers instead of ${this.known}, and does not know its claims`, true)
    if (revision < revisionBefore)
      throw new NoAnswer(`etcd went back from revision ${revisionBefore} to ${revision}, as if restored from a copy`, true)
    this.revision = Math.max(this.revision, revision)
  }

  private look(): void {
    if (performance.now() - this.heardMs < PING_EVERY_MS) return
    this.txn(PING, true).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error
    })
  }

  private heard(): void {
    this.heardMs = performance.now()
    if (this.trouble !== '') this.options.log.info('etcd answers again')
    this.trouble = ''
  }

  private complain(trouble: string): void {
    if (trouble !== this.trouble && !this.closed) this.options.log.warn('etcd does not answer', { trouble })
    this.trouble = trouble
  }
}

function understood(url: string, { status, body }: Posted): TxnAnswer | 'no-room' {
  try {
    if (status === 200) return txnAnswerOf(body)
    const message = messageOf(jsonObject(body))
    if (NO_ROOM.test(message)) return 'no-room'
    throw new NoAnswer(`${url}: ${message} (HTTP ${status})`, true)
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw new NoAnswer(`${url}: the answer is not understood: ${error.message} (HTTP ${status})`, true)
  }
}

const messageOf = (answer: Fields): string => {
  const text = answer['message'] ?? answer['error']
  return typeof text === 'string' ? text.slice(0, 200) : 'an error without a text'
}
