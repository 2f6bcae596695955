/**
 * Who may be served what at this host's door. A coordinator serves everybody. A member serves local sessions (by asking the
 * coordinator, except for what must work without one), passes on its own root's calls from the unix socket, and sends everybody else to
 * the coordinator.
 */
import type { Ref, Value } from '../../contract'
import { ApiError } from '../../contract'
import type { XapiMethodTable } from '../call/method'
import type { Answer } from '../coordinator'
import { typeOf } from '../schema/type'
import { EnvelopeFault } from '../wire/json-rpc'
import type { RpcCall } from '../wire/xml-rpc'
import { XmlFault } from '../wire/xml-tree'
import type { HttpReply, HttpRequest } from '../server/http'
import { readRpc, serveRpc } from '../server/rpc'
import type { LocalSessions } from '../session/local-sessions'
import type { CoordinatorRole } from './coordinator-role'
import type { MemberRole } from './member-role'

export interface Office {
  readonly hostUuid: string
  readonly methods: XapiMethodTable
  readonly sessions: LocalSessions
  promote(): void
  resetCoordinator(address: string): void
}

const answer = (value: Value): Answer => ({ value, type: undefined })

/** A request that a member sent on in the name of its own root. */
export const DOOR_HEADER = 'x-lab-door'

export class Reception {
  constructor(private readonly office: Office) {}

  serveAsCoordinator(request: HttpRequest, role: CoordinatorRole, isFromMember: boolean): Promise<HttpReply | undefined> {
    const forwarded = isFromMember ? request.headers[DOOR_HEADER] : undefined
    const door = typeof forwarded === 'string' ? role.db.byUuid('host', forwarded) : undefined
    const origin = { door: door ?? role.here, isPreauthenticated: request.door === 'unix' || door !== undefined }
    return serveRpc(request, async (call) => {
      const local = this.local(call, origin.isPreauthenticated)
      if (local !== undefined) return answer(local)
      const [session] = call.params
      const isLocal = this.office.sessions.has(session)
      return role.coordinator.call(call.method, call.params, isLocal ? { ...origin, localSession: session } : origin)
    })
  }

  async serveAsMember(request: HttpRequest, role: MemberRole): Promise<HttpReply | undefined> {
    if (request.door === 'unix' && !this.isForHere(request)) return role.forward(request)
    return serveRpc(request, (call) => this.memberCall(call, role, request.door === 'unix'))
  }

  /** Calls that this host answers itself whatever its role. */
  private isForHere(request: HttpRequest): boolean {
    try {
      const call = readRpc(request)
      return call.method === LOCAL_LOGIN || call.method === 'session.local_logout' || this.office.sessions.has(call.params[0])
    } catch (error) {
      // serveRpc finds the same fault and answers it.
      if (error instanceof EnvelopeFault || error instanceof XmlFault) return true
      throw error
    }
  }

  private async memberCall(call: RpcCall, role: MemberRole, isPreauthenticated: boolean): Promise<Answer | undefined> {
    const local = this.local(call, isPreauthenticated) ?? this.emergency(call)
    if (local !== undefined) return answer(local)
    const [session, ...params] = call.params
    if (this.office.sessions.has(session)) return this.asRoot(call.method, params, session, role)
    if (call.method === 'session.local_logout') throw new ApiError('SESSION_INVALID', String(session))
    const takesSession = call.method !== 'session.login_with_password' && typeof session === 'string'
    if (takesSession) {
      const isGood = await role.ask('/lab/session', { session })
      if (isGood === undefined) return undefined
      if (isGood !== true) throw new ApiError('SESSION_INVALID', session)
    }
    throw new ApiError('HOST_IS_SLAVE', role.of.address)
  }

  /** A local session is a full session: the coordinator runs the call as root. */
  private async asRoot(method: string, params: readonly unknown[], session: Ref, role: MemberRole): Promise<Answer | undefined> {
    const value = await role.ask('/lab/call', { method, params, session, door: this.office.hostUuid })
    const result = this.office.methods[method]?.result
    return value === undefined ? undefined : { value, type: result === undefined ? undefined : typeOf(result) }
  }

  private local(call: RpcCall, isPreauthenticated: boolean): Value | undefined {
    if (call.method === LOCAL_LOGIN) return this.office.sessions.login(call.params, isPreauthenticated)
    if (call.method === 'session.local_logout' && this.office.sessions.has(call.params[0])) {
      this.office.sessions.logout(call.params[0])
      return ''
    }
    return undefined
  }

  /** What a member does without its coordinator, for a local session. */
  private emergency({ method, params: [session, argument] }: RpcCall): Value | undefined {
    if (!this.office.sessions.has(session)) return undefined
    switch (method) {
      case 'host.is_in_emergency_mode':
        return false
      case 'pool.is_slave':
        return true
      case 'pool.emergency_transition_to_master':
        this.office.promote()
        return ''
      case 'pool.emergency_reset_master':
        this.office.resetCoordinator(String(argument))
        return ''
      default:
        return undefined
    }
  }
}

const LOCAL_LOGIN = 'session.slave_local_login_with_password'
