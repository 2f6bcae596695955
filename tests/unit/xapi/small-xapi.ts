import { rmSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'

type Fields = Record<string, unknown>
interface Change {
  readonly generation: number
  readonly cls: string
  readonly ref: string
}
type Method = (params: readonly unknown[]) => unknown

/** What a call fails with, as XAPI answers it. */
export class Failure extends Error {
  readonly params: readonly string[]
  constructor(
    readonly code: string,
    ...params: string[]
  ) {
    super(code)
    this.params = params
  }
}

/** A XAPI of a few lines on a unix socket: sessions, event.from, records by class; other methods as the test defines them. */
export class SmallXapi {
  readonly calls: { method: string; params: readonly unknown[] }[] = []
  readonly methods: Record<string, Method> = {}
  readonly sessions = new Set<string>()
  readonly logins: string[] = []
  /** Methods that are never answered. */
  readonly hanging = new Set<string>()
  /** Methods whose connection is cut instead of an answer, this many times. */
  readonly cutting = new Map<string, number>()
  /** Every answer, while xapi starts. */
  booting = false
  private readonly tables = new Map<string, Map<string, Fields>>()
  private changes: Change[] = []
  private generation = 1
  private minted = 0
  private readonly waiting = new Set<() => void>()
  private server: Server | null = null

  constructor(readonly socketPath: string) {}

  async start(): Promise<void> {
    rmSync(this.socketPath, { force: true })
    const server = createServer((ask, answer) => {
      const chunks: Buffer[] = []
      ask.on('data', (chunk: Buffer) => chunks.push(chunk))
      ask.on('end', () => void this.answer(Buffer.concat(chunks).toString(), answer))
    })
    this.server = server
    await new Promise<void>((resolve) => server.listen(this.socketPath, resolve))
  }

  /** As when xapi is restarted or its host dies: every connection breaks. */
  async stop(): Promise<void> {
    const { server } = this
    if (server === null) return
    this.server = null
    this.wake()
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  set(cls: string, ref: string, fields: Fields): void {
    const table = this.tables.get(cls) ?? new Map<string, Fields>()
    this.tables.set(cls, table.set(ref, { ...table.get(ref), ...fields }))
    this.changed(cls, ref)
  }

  remove(cls: string, ref: string): void {
    this.tables.get(cls)?.delete(ref)
    this.changed(cls, ref)
  }

  /** As when there were more deletions than XAPI remembers. */
  removeSilently(cls: string, ref: string): void {
    this.tables.get(cls)?.delete(ref)
  }

  dropSessions(): void {
    this.sessions.clear()
    this.wake()
  }

  /** Another coordinator's older database: same objects, generations that start again. */
  restoreOlder(): void {
    this.generation = 1
    this.changes = []
    this.dropSessions()
  }

  private changed(cls: string, ref: string): void {
    this.generation += 1
    this.changes.push({ generation: this.generation, cls, ref })
    this.wake()
  }

  private wake(): void {
    for (const go of this.waiting) go()
    this.waiting.clear()
  }

  private async answer(body: string, to: ServerResponse): Promise<void> {
    const { method, params, id } = JSON.parse(body) as { method: string; params: unknown[]; id: number }
    this.calls.push({ method, params })
    if (this.hanging.has(method)) return
    const cuts = this.cutting.get(method) ?? 0
    if (cuts > 0) {
      this.cutting.set(method, cuts - 1)
      to.destroy()
      return
    }
    to.setHeader('Content-Type', 'application/json')
    if (this.booting) {
      to.end(JSON.stringify({ jsonrpc: '2.0', error: ['HOST_STILL_BOOTING'], id: 0 }))
      return
    }
    try {
      to.end(JSON.stringify({ jsonrpc: '2.0', result: await this.run(method, params), id }))
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      to.end(JSON.stringify({ jsonrpc: '2.0', error: { code: 1, message: error.code, data: error.params }, id }))
    }
  }

  private async run(method: string, params: readonly unknown[]): Promise<unknown> {
    if (method === 'session.login_with_password' || method === 'session.slave_local_login_with_password') {
      this.minted += 1
      const ref = `OpaqueRef:session-${this.minted}`
      this.sessions.add(ref)
      this.logins.push(JSON.stringify(params))
      return ref
    }
    if (method === 'system.listMethods') return ['VM.get_all_records']
    const session = String(params[0])
    if (!this.sessions.has(session)) throw new Failure('SESSION_INVALID', session)
    if (method === 'session.logout' || method === 'session.local_logout') return this.sessions.delete(session) ? '' : ''
    if (method === 'event.from') return this.eventFrom(params)
    const own = this.methods[method]
    if (own !== undefined) return own(params.slice(1))
    const [cls = '', message] = method.split('.')
    const table = this.tables.get(cls.toLowerCase()) ?? new Map<string, Fields>()
    if (message === 'get_all_records') return Object.fromEntries(table)
    if (message === 'get_by_uuid') {
      for (const [ref, fields] of table) if (fields['uuid'] === params[1]) return ref
      throw new Failure('UUID_INVALID', cls, String(params[1]))
    }
    throw new Failure('MESSAGE_METHOD_UNKNOWN', method)
  }

  private async eventFrom([session, classes, token, wait]: readonly unknown[]): Promise<unknown> {
    const wanted = classes as string[]
    if (token === '') {
      const events = wanted.flatMap((cls) =>
        [...(this.tables.get(cls) ?? [])].map(([ref, snapshot]) => ({ class: cls, ref, operation: 'add', snapshot })),
      )
      return this.batch(events)
    }
    const since = Number(token)
    const until = performance.now() + Number(wait) * 1000
    for (;;) {
      if (!this.sessions.has(String(session))) throw new Failure('SESSION_INVALID', String(session))
      const changed = this.changes.filter(({ generation, cls }) => generation > since && wanted.includes(cls))
      if (changed.length > 0 || performance.now() >= until || this.server === null) {
        return this.batch(changed.map(({ cls, ref }) => this.event(cls, ref)))
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, until - performance.now())
        this.waiting.add(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  private event(cls: string, ref: string): unknown {
    const snapshot = this.tables.get(cls)?.get(ref)
    return snapshot === undefined ? { class: cls, ref, operation: 'del' } : { class: cls, ref, operation: 'mod', snapshot }
  }

  private batch(events: readonly unknown[]): unknown {
    const counts = Object.fromEntries([...this.tables].map(([cls, table]) => [cls, table.size]))
    return { events, valid_ref_counts: counts, token: String(this.generation).padStart(20, '0') }
  }
}
