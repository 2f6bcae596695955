import type { PoolInventory } from '../core/domain/inventory'
import type { Log } from '../ports/log'
import {
  XapiFailure,
  type XapiArgument,
  type XapiCallOptions,
  type XapiObject,
  type XapiPort,
  type XapiValue,
} from '../ports/xapi'
import { followEvents } from './event-stream'
import { asFailure } from './failure'
import { VIEW_CLASSES, viewOf } from './inventory-view'
import { Limit } from './limit'
import { NULL_REF, OddAnswer, type RecordTables } from './records'
import { callInAny, isSessionOver, openLocalSession, openPoolSession, type Session, type XapiDoor } from './session'

export interface XapiConnectionParts {
  readonly door: XapiDoor
  readonly log: Log
}

/** On top of the time that `event.from` itself waits. */
const EVENT_SLACK_MS = 2000
const SESSION_MS = 5000
const RETRY_FIRST_MS = 100
const RETRY_LONGEST_MS = 1000
const READ = /\.(?:get_|assert_|is_)|^system\.listMethods$/
const READ_AGAIN_MS = 200

/** Starts at once and never fails: while xapi is down it keeps trying. */
export function connectXapi(parts: XapiConnectionParts): XapiPort {
  return new XapiConnection(parts)
}

class XapiConnection implements XapiPort {
  private readonly pool: Session
  private readonly local: Session
  private readonly listeners: (() => void)[] = []
  private tables: RecordTables = new Map()
  private view: PoolInventory | null = null
  private following = false
  private closed = false
  /** Ends the wait or the call that the event stream is in. */
  private stirring: Limit | null = null
  private stirred = false
  private silenceReported = false
  private readonly ended: Promise<void>

  constructor(private readonly parts: XapiConnectionParts) {
    this.pool = openPoolSession(parts.door)
    this.local = openLocalSession(parts.door)
    this.ended = this.keepFollowing()
  }

  get reachable(): boolean {
    return this.following
  }

  inventory(): PoolInventory | null {
    return this.view
  }

  onChange(listener: () => void): void {
    this.listeners.push(listener)
  }

  async call(method: string, args: readonly XapiArgument[], { deadlineMs, where }: XapiCallOptions): Promise<XapiValue> {
    const session = where === 'local' ? this.local : this.pool
    const limit = new Limit(deadlineMs)
    try {
      for (;;) {
        try {
          const plain: unknown[] = []
          for (const arg of args) plain.push(isObject(arg) ? await this.refOf(arg, session, limit) : arg)
          const answer = await callInAny(session, method, plain, limit)
          if (!isValue(answer)) throw new OddAnswer(`${method} answered nothing`)
          return answer
        } catch (error) {
          const failure = asFailure(error, method)
          const answered = failure.kind === 'xapi-error' || failure.kind === 'not-coordinator'
          if (answered || !READ.test(method) || limit.leftMs <= READ_AGAIN_MS || this.closed) throw failure
          await pause(READ_AGAIN_MS)
        }
      }
    } finally {
      limit.end()
    }
  }

  refresh(): void {
    this.stirred = true
    this.stirring?.end()
  }

  async close(): Promise<void> {
    this.closed = true
    this.refresh()
    await this.ended
    await Promise.all([this.pool.close(), this.local.close()])
  }

  private async refOf({ xapiClass, uuid }: XapiObject, session: Session, limit: Limit): Promise<unknown> {
    if (uuid === null) return NULL_REF
    for (const [ref, record] of this.tables.get(xapiClass.toLowerCase()) ?? []) if (record.text('uuid') === uuid) return ref
    return callInAny(session, `${xapiClass}.get_by_uuid`, [uuid], limit)
  }

  private async keepFollowing(): Promise<void> {
    let waitMs = RETRY_FIRST_MS
    while (!this.closed) {
      let session: string | null = null
      try {
        const used = (session = await this.within(SESSION_MS, (limit) => this.pool.current(limit)))
        await followEvents({
          classes: VIEW_CLASSES,
          ask: (token, waitSeconds) =>
            this.within(waitSeconds * 1000 + EVENT_SLACK_MS, (limit) =>
              this.pool.callIn(used, 'event.from', [VIEW_CLASSES, token, waitSeconds], limit),
            ),
          onTables: (tables) => {
            this.look(tables)
            waitMs = RETRY_FIRST_MS
          },
          onMiscount: (classes) => this.parts.log.info('xapi has another number of records', { classes }),
        })
      } catch (error) {
        if (session !== null && isSessionOver(error)) {
          await this.pool.discard(session)
          continue
        }
        if (!this.stirred) this.lost(error instanceof OddAnswer ? error : asFailure(error, 'event.from'))
      }
      if (!this.stirred) await this.pauseUnlessStirred(waitMs)
      this.stirred = false
      waitMs = Math.min(RETRY_LONGEST_MS, waitMs * 2)
    }
  }

  /** Everything that the event stream waits for ends when it is stirred. */
  private async within<T>(ms: number, work: (limit: Limit) => Promise<T>): Promise<T> {
    const limit = new Limit(ms)
    this.stirring = limit
    try {
      return await work(limit)
    } finally {
      limit.end()
    }
  }

  private look(tables: RecordTables): void {
    const view = viewOf(tables)
    this.tables = tables
    if (view !== null) this.view = view
    if (!this.following && view !== null) {
      this.following = true
      this.silenceReported = false
      this.parts.log.info('xapi answers', { pool: view.pool, coordinator: view.coordinator })
    }
    this.tell()
  }

  private lost(failure: XapiFailure | OddAnswer): void {
    if (this.closed) return
    if (!this.silenceReported) this.parts.log.warn('xapi does not answer, trying on', { failure: failure.message })
    this.silenceReported = true
    if (!this.following) return
    this.following = false
    this.tell()
  }

  private tell(): void {
    for (const listener of this.listeners) listener()
  }

  private pauseUnlessStirred(ms: number): Promise<void> {
    return this.within(ms, (limit) => limit.over)
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const isObject = (arg: XapiArgument): arg is XapiObject => typeof arg === 'object' && arg !== null && 'xapiClass' in arg

/** What JSON can say is all that XapiValue can be. */
const isValue = (value: unknown): value is XapiValue => value !== undefined && typeof value !== 'function'
