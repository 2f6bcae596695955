import { clientKey, get, put, revisionIs, type Txn, type TxnAnswer } from '../../wire/etcd'
import type { EtcdGateway } from './etcd-gateway'
import { NoAnswer } from './etcd-post'

export type SessionAnswer = TxnAnswer | 'no-room'

interface Session {
  /** In which our key was put. A key that was put again has another one, so a session that ended never comes back. */
  readonly revision: number
}

/** Losing a session in the middle of a question is rare; so often in a row it is somebody else with our name. */
const ATTEMPTS_MAX = 5

/**
 * Makes lost requests harmless. Every transaction requires that this client's own key still stands as it was put; when the
 * outcome of a change is not known, the key is put anew before anything else is answered. From then on the lost change has either
 * been made, and is seen, or can no longer be made. The key is put at the start, too: a request of an earlier life of this client
 * ends there, and of two processes with one name the newer counts.
 */
export class EtcdSession {
  private readonly key: string
  private now: Session | null = null
  private opening: Promise<Session> | null = null

  constructor(
    private readonly gateway: EtcdGateway,
    pool: string,
    private readonly client: string,
  ) {
    this.key = clientKey(pool, client)
  }

  /** Rejects with NoAnswer. Nothing that it answers can be overtaken by a request of this client whose outcome is unknown. */
  read(gets: readonly object[]): Promise<SessionAnswer> {
    return this.settled({ compare: [], success: gets, failure: [] }, 'read')
  }

  /** The same; `change.failure` may only read. After a NoAnswer it may have been made, until the next answer. */
  change(change: Txn): Promise<SessionAnswer> {
    return this.settled(change, 'change')
  }

  private async settled({ compare, success, failure }: Txn, kind: 'read' | 'change'): Promise<SessionAnswer> {
    for (let left = ATTEMPTS_MAX; left > 0; left -= 1) {
      const session = await this.session()
      const guarded = {
        compare: [revisionIs(this.key, session.revision), ...compare],
        ...{ success, failure: [get(this.key), ...failure] },
      }
      const answer = await this.ask(guarded, kind, session)
      if (answer === 'no-room') return answer
      if (answer.succeeded && kind === 'change') return answer
      const standing = answer.found.get(this.key)?.revision
      if (!answer.succeeded && standing !== session.revision) this.ended(session)
      // Another request was lost meanwhile: what this one saw may not be the last word.
      if (this.now === session) return answer
    }
    throw new NoAnswer(`another process uses the name ${this.client}`, false)
  }

  private async ask(txn: Txn, kind: 'read' | 'change', session: Session): Promise<SessionAnswer> {
    try {
      return await this.gateway.txn(txn, kind === 'read')
    } catch (error) {
      if (error instanceof NoAnswer && error.sent && kind === 'change') this.ended(session)
      throw error
    }
  }

  private ended(session: Session): void {
    if (this.now === session) this.now = null
  }

  private async session(): Promise<Session> {
    if (this.now !== null) return this.now
    this.opening ??= this.open().finally(() => (this.opening = null))
    return this.opening
  }

  private async open(): Promise<Session> {
    const answer = await this.gateway.txn({ compare: [], success: [put(this.key, this.client)], failure: [] }, true)
    if (answer === 'no-room') throw new NoAnswer('etcd has no room left', false)
    this.now = { revision: answer.revision }
    return this.now
  }
}
