import { must } from '../core/domain/assert'
import type { ClaimRecord } from '../core/domain/claim-record'
import { Numbered } from '../core/domain/numbered'
import { Witness, type WitnessEffect } from '../core/witness/witness'
import type { ClaimConnection, ClaimServerEvents } from '../ports/claim-server'
import type { ClaimLog } from '../ports/claim-log'
import type { Clock } from '../ports/clock'
import type { Log } from '../ports/log'
import { CLAIMS_PROTOCOL, decodeFromHost, encodeClaimsLine, type FromHost } from '../wire/claims'

/** A host has a handful of requests under way; a hundred are a fault of its own. */
const UNANSWERED_MAX = 100

interface Session {
  /** Null until its hello. */
  client: string | null
  unanswered: number
}

export interface WitnessParts {
  readonly claims: ClaimLog
  readonly clock: Clock
  readonly log: Log
  /** The log is in an unknown state: the process must end, without another answer. */
  readonly broken: (error: unknown) => void
}

/** The loop of the witness: lines in, the machine, records to the log in batches, answers out. */
export class WitnessDaemon implements ClaimServerEvents {
  private readonly witness = new Witness()
  private readonly sessions = new Map<ClaimConnection, Session>()
  private readonly newest = new Map<string, ClaimConnection>()
  private readonly asked = new Numbered<{ connection: ClaimConnection; id: number }>()
  private lastAsked = 0
  private unwritten: ClaimRecord[] = []
  private writing: Promise<void> | null = null

  constructor(private readonly parts: WitnessParts) {
    const { records, revision } = parts.claims
    this.witness.apply({ type: 'restarted', records, revision, nowMs: parts.clock.nowMs() })
  }

  get claims(): number {
    return this.witness.claims
  }

  opened(connection: ClaimConnection): void {
    this.sessions.set(connection, { client: null, unanswered: 0 })
  }

  closed(connection: ClaimConnection): void {
    const session = this.sessions.get(connection)
    this.sessions.delete(connection)
    if (session === undefined || session.client === null) return
    const name = `${connection.pool}/${session.client}`
    if (this.newest.get(name) === connection) this.newest.delete(name)
  }

  line(connection: ClaimConnection, line: string): void {
    const session = must(this.sessions.get(connection), 'lines come from open connections')
    const message = decodeFromHost(line)
    if (message.type === 'garbled') this.refuse(connection, `This is not understood: ${message.text}.`)
    else if (message.type === 'hello') this.hello(connection, session, message)
    else if (session.client === null) this.refuse(connection, 'The first line must be a hello.')
    else if (session.unanswered >= UNANSWERED_MAX)
      this.refuse(connection, `${UNANSWERED_MAX} requests wait for an answer already.`)
    else this.ask(connection, session, message)
  }

  /** Resolves when nothing is being written any more, or the log broke. */
  async settled(): Promise<void> {
    await this.writing
  }

  private hello(connection: ClaimConnection, session: Session, hello: Extract<FromHost, { type: 'hello' }>): void {
    const fault = helloFault(connection, session, hello)
    if (fault !== null) {
      this.refuse(connection, fault)
      return
    }
    const name = `${hello.pool}/${hello.client}`
    const older = this.newest.get(name)
    this.newest.set(name, connection)
    if (older !== undefined) this.refuse(older, 'A newer connection of the same client took its place.')
    session.client = hello.client
    connection.send(encodeClaimsLine({ type: 'hello', protocol: CLAIMS_PROTOCOL, witness: this.parts.claims.witness }))
  }

  private refuse(connection: ClaimConnection, text: string): void {
    this.parts.log.warn('closed a connection', { remote: connection.remote, pool: connection.pool, why: text })
    connection.send(encodeClaimsLine({ type: 'refuse', text }))
    connection.close()
  }

  private ask(connection: ClaimConnection, session: Session, { id, ask }: Extract<FromHost, { type: 'ask' }>): void {
    session.unanswered += 1
    this.lastAsked += 1
    this.asked.set(this.lastAsked, { connection, id })
    const nowMs = this.parts.clock.nowMs()
    this.run(this.witness.apply({ type: 'request', from: this.lastAsked, pool: connection.pool, request: ask, nowMs }))
  }

  private run(effects: readonly WitnessEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') this.unwritten.push(effect.record)
      else this.answer(effect)
    }
    if (this.unwritten.length > 0) this.writing ??= this.write()
  }

  private answer({ to, answer }: Extract<WitnessEffect, { type: 'answer' }>): void {
    const { connection, id } = must(this.asked.take(to), 'every answer belongs to a request')
    const session = this.sessions.get(connection)
    if (session !== undefined) session.unanswered -= 1
    connection.send(encodeClaimsLine({ type: 'answer', id, answer }))
  }

  /** What arrives while one batch is being written makes the next batch. */
  private async write(): Promise<void> {
    try {
      while (this.unwritten.length > 0) await this.writeBatch()
      this.writing = null
    } catch (error) {
      this.parts.broken(error)
    }
  }

  private async writeBatch(): Promise<void> {
    const batch = this.unwritten
    this.unwritten = []
    const outcome = await this.parts.claims.append(batch)
    const nowMs = this.parts.clock.nowMs()
    const type = outcome === 'durable' ? 'persisted' : 'not-persisted'
    for (const { revision } of batch) this.run(this.witness.apply({ type, revision, nowMs }))
  }
}

function helloFault(connection: ClaimConnection, session: Session, hello: Extract<FromHost, { type: 'hello' }>): string | null {
  if (session.client !== null) return 'There was a hello already.'
  if (hello.protocol !== CLAIMS_PROTOCOL) return `This witness speaks protocol ${CLAIMS_PROTOCOL}, not ${hello.protocol}.`
  return hello.pool === connection.pool ? null : 'The hello names another pool than the key.'
}
