import { Xapi } from 'xen-api'
import transports from 'xen-api/transports/index.mjs'
import type { Limit } from './limit'
import { callOver, RpcError, type XapiAddress } from './transport'

/** Where to log in. On the unix socket root is logged in without a password, and a member's xapi forwards to the coordinator. */
export type XapiDoor =
  | { readonly socketPath: string }
  | { readonly address: string; readonly port?: number; readonly user: string; readonly password: string }

/** One name for ever: XAPI keeps at most 500 sessions per name and drops the oldest. */
const ORIGINATOR = 'holdfast'

export interface Session {
  /** Logs in if need be. */
  current(limit: Limit): Promise<string>
  /** Rejects with SESSION_INVALID when `session` is over. */
  callIn(session: string, method: string, args: readonly unknown[], limit: Limit): Promise<unknown>
  /** The next `current` logs in again, unless somebody already has. */
  discard(session: string): Promise<void>
  close(): Promise<void>
}

/** As `callIn`, and once more in a new session after SESSION_INVALID: such a call took no effect, so a write too may be repeated. */
export async function callInAny(session: Session, method: string, args: readonly unknown[], limit: Limit): Promise<unknown> {
  const first = await session.current(limit)
  try {
    return await session.callIn(first, method, args, limit)
  } catch (error) {
    if (!isSessionOver(error)) throw error
    await session.discard(first)
    return session.callIn(await session.current(limit), method, args, limit)
  }
}

export const isSessionOver = (error: unknown): boolean => error instanceof RpcError && error.code === 'SESSION_INVALID'

/**
 * The session with the pool. npm xen-api logs in and out and follows HOST_IS_SLAVE, over a transport of ours. Calls go to that
 * transport directly: xen-api's own would repeat what must not be repeated and has no deadline per call
 * (docs/decisions/xapi-client.md).
 */
export function openPoolSession(door: XapiDoor): Session {
  const [user, password] = credentialsOf(door)
  /** xen-api sends a logout and does not wait for it. */
  let loggedOut: Promise<void> = Promise.resolve()
  let address = addressOf(door)
  const client = withTransport(door, (url) => {
    if (!('socketPath' in door)) address = { host: url.hostname, port: Number(url.port ?? 80) }
    const target = address
    return (method, args) => {
      const login = method === 'session.login_with_password'
      const work = callOver(target, method, login ? [user, password, '1.0', ORIGINATOR] : args)
      if (method === 'session.logout') loggedOut = work.then(nothing, nothing)
      return work
    }
  })
  const idOf = (): string | null => (client.status === 'connected' ? client.sessionId : null)
  return {
    current: async (limit) => {
      await limit.bound(client.connect())
      return client.sessionId
    },
    callIn: (session, method, args, limit) => callOver(address, method, [session, ...args], limit),
    discard: async (session) => {
      if (idOf() === session) await client.disconnect()
    },
    close: async () => {
      await client.disconnect()
      await loggedOut
    },
  }
}

/** A session that this host's own xapi keeps in memory: it answers while the coordinator is dead or being replaced. */
export function openLocalSession(door: XapiDoor): Session {
  const address = addressOf(door)
  let session: Promise<string> | null = null
  const login = (): Promise<string> =>
    callOver(address, 'session.slave_local_login_with_password', credentialsOf(door)).then(String)
  return {
    current: async (limit) => {
      const mine = (session ??= login())
      try {
        return await limit.bound(mine)
      } catch (error) {
        if (session === mine) session = null
        throw error
      }
    },
    callIn: (used, method, args, limit) => callOver(address, method, [used, ...args], limit),
    discard: async (over) => {
      const mine = session
      if (mine !== null && (await mine) === over && session === mine) session = null
    },
    close: async () => {
      const used = await session
      session = null
      // Whether xapi hears of it does not matter: local sessions end with its process.
      if (used !== null) await callOver(address, 'session.local_logout', [used]).then(nothing, nothing)
    },
  }
}

const nothing = (): void => undefined

const credentialsOf = (door: XapiDoor): [user: string, password: string] =>
  'socketPath' in door ? ['root', ''] : [door.user, door.password]

const addressOf = (door: XapiDoor): XapiAddress => ('socketPath' in door ? door : { host: door.address, port: door.port ?? 80 })

type Transport = (typeof transports)[string]
type TransportUrl = Parameters<Transport>[0]['url']

/** xen-api looks its transport up by name, once, when the client is made; the transport is made anew for each address. */
function withTransport(door: XapiDoor, make: (url: TransportUrl) => ReturnType<Transport>): Xapi {
  transports['holdfast'] = ({ url }) => make(url)
  return new Xapi({
    url: 'socketPath' in door ? 'http://localhost/' : `http://${door.address}:${door.port ?? 80}/`,
    auth: { user: 'root', password: '' },
    transport: 'holdfast',
    watchEvents: false,
  })
}
