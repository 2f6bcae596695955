/**
 * The API as the coordinator serves it: which method, are the parameters right, is the session good, then run it, at once or as a
 * task. The order of these checks is the real one's: it decides which error a caller with several mistakes sees.
 */
import type { CallContext, HostAgent, LabTimes, Ref, Value } from '../contract'
import { ApiError } from '../contract'
import type { Origin, XapiCall, XapiMethod, XapiMethodTable } from './call/method'
import { incoming, stringParameter } from './call/incoming'
import type { PoolDatabase } from './database/database'
import { RegisteredListeners } from './events/register-next'
import type { Type } from './schema/type'
import { typeOf } from './schema/type'
import { Sessions } from './session/sessions'
import { Tasks } from './session/tasks'
import { checkPassword } from './session/password'

/** What the coordinator's methods need of the host it runs on. */
export interface PoolControl {
  /** Copies the database to every member that answers. */
  syncDatabase(): Promise<void>
  /** Points the other hosts at this one; the refs of those that obeyed. */
  recoverMembers(): Promise<Ref[]>
  /** Makes this host a member of the coordinator at the address. */
  resetCoordinator(address: string): void
  agentOf(host: Ref): HostAgent
  /** Whether a host answers at all, within times.deadHostProbeMs. */
  isAlive(host: Ref): Promise<boolean>
}

export interface CoordinatorParts {
  readonly db: PoolDatabase
  readonly here: Ref
  readonly times: LabTimes
  readonly rootPassword: string
  readonly methods: XapiMethodTable
  readonly pool: PoolControl
}

export interface Answer {
  readonly value: Value
  readonly type: Type | undefined
}

/** Classes none of whose methods has an Async form. */
const SYNC_ONLY = new Set(['session', 'event', 'task', 'data_source', 'blob'])

export class Coordinator {
  readonly sessions: Sessions
  readonly tasks: Tasks
  readonly listeners: RegisteredListeners

  constructor(readonly parts: CoordinatorParts) {
    this.sessions = new Sessions(parts.db)
    this.tasks = new Tasks(parts.db)
    this.listeners = new RegisteredListeners(parts.db)
  }

  async call(name: string, params: readonly unknown[], origin: Origin): Promise<Answer> {
    if (name === 'session.login_with_password') return plain(this.login(params, origin))
    if (name === 'system.listMethods') return plain(this.methodNames())
    const isAsync = name.startsWith('Async.')
    const base = isAsync ? name.slice('Async.'.length) : name
    const method = this.parts.methods[base]
    if (method === undefined) return this.extension(base, params)
    if (isAsync && (method.syncOnly === true || SYNC_ONLY.has(base.split('.')[0] ?? ''))) {
      throw new ApiError('Fault', `No async mode for this operation (rpc: ${base})`)
    }
    const { session, args } = this.decode(base, method, params)
    if (origin.localSession === undefined) this.sessions.check(session)
    if (isAsync) return plain(this.runAsync(base, method, session, args))
    return { value: await this.runNow(base, method, session, args), type: typed(method) }
  }

  methodNames(): string[] {
    const names = Object.keys(this.parts.methods)
    const asyncs = names.filter((name) => this.parts.methods[name]?.syncOnly !== true && !SYNC_ONLY.has(name.split('.')[0] ?? ''))
    return [
      'session.login_with_password',
      'session.slave_local_login_with_password',
      ...names,
      ...asyncs.map((name) => `Async.${name}`),
    ]
  }

  /** The context in which the server itself runs something, without a caller. */
  context(task: Ref, session: Ref): XapiCall {
    const { db, here, times, pool } = this.parts
    return {
      ...{ db, session, task, here, times, coordinator: this },
      agentOf: (host) => pool.agentOf(host),
      setProgress: (fraction) => {
        if (db.exists('task', task)) db.set('task', task, 'progress', fraction)
      },
    } satisfies CallContext & XapiCall
  }

  private login(params: readonly unknown[], origin: Origin): Ref {
    const [user, password, , originator] = params
    if (params.length < 2) {
      throw new ApiError('MESSAGE_PARAMETER_COUNT_MISMATCH', 'session.login_with_password', '2', String(params.length))
    }
    const name = stringParameter(user)
    const secret = stringParameter(password)
    if (!origin.isPreauthenticated) checkPassword(name, secret, this.parts.rootPassword)
    return this.sessions.open({
      host: origin.door,
      user: name,
      originator: originator === undefined ? '' : stringParameter(originator),
    })
  }

  private decode(name: string, method: XapiMethod, params: readonly unknown[]): { session: Ref; args: Value[] } {
    const [session, ...args] = params
    if (args.length !== method.params.length || params.length === 0) {
      const given = params.length === 0 ? '-1' : String(args.length)
      throw new ApiError('MESSAGE_PARAMETER_COUNT_MISMATCH', name, String(method.params.length), given)
    }
    return {
      session: stringParameter(session),
      args: method.params.map(([, type], index) => incoming(typeOf(type), args[index])),
    }
  }

  private runAsync(name: string, method: XapiMethod, session: Ref, args: Value[]): Ref {
    const task = this.tasks.begin(`Async.${name}`, '', this.parts.here)
    const end = async (): Promise<void> => {
      try {
        const value = await method.run(this.context(task, session), args)
        this.tasks.succeed(task, value, typed(method))
      } catch (error) {
        this.tasks.fail(task, asApiError(error))
      }
    }
    // The task is answered before its work begins.
    setImmediate(() => void end())
    return task
  }

  private async runNow(name: string, method: XapiMethod, session: Ref, args: Value[]): Promise<Value> {
    if (method.syncOnly === true) return method.run(this.context('', session), args)
    const task = this.tasks.begin(name, '', this.parts.here)
    try {
      return await method.run(this.context(task, session), args)
    } finally {
      if (this.parts.db.exists('task', task)) this.parts.db.destroy('task', task)
    }
  }

  /** An unknown method with a good session may be a file in the extensions folder of this host. */
  private async extension(name: string, params: readonly unknown[]): Promise<Answer> {
    const [session] = params
    const agent = this.parts.pool.agentOf(this.parts.here)
    if (typeof session !== 'string' || !(await agent.perform('extension.exists', { name }))) {
      throw new ApiError('MESSAGE_METHOD_UNKNOWN', name)
    }
    this.sessions.check(session)
    return plain(await agent.perform('extension.call', { name, params: params.map((each) => incoming({ kind: 'void' }, each)) }))
  }
}

const plain = (value: Value): Answer => ({ value, type: undefined })
const typed = (method: XapiMethod): Type | undefined => (method.result === undefined ? undefined : typeOf(method.result))

/** What is not an error of the API is a bug of the lab: the caller is told, as by the real one. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  return new ApiError('INTERNAL_ERROR', error instanceof Error ? (error.stack ?? error.message) : String(error))
}
