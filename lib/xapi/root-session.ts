import { XapiFailure } from '../ports/xapi'
import { asFailure } from './failure'
import { Limit } from './limit'
import { callOver, type XapiAddress } from './transport'

/** One name for ever: XAPI keeps at most 500 sessions per name and drops the oldest. */
const ORIGINATOR = 'holdfast setup'
const LOGIN_MS = 15_000

/** A session for one errand. Every call rejects with XapiFailure. */
export interface RootSession {
  call(method: string, args: readonly unknown[], limitMs: number): Promise<unknown>
}

/** As root of this host, whose xapi forwards to the coordinator. The session ends with the work. */
export async function asRoot<T>(address: XapiAddress, work: (session: RootSession) => Promise<T>): Promise<T> {
  const id = await within(address, 'session.login_with_password', ['root', '', '1.0', ORIGINATOR], LOGIN_MS)
  try {
    return await work({ call: (method, args, limitMs) => within(address, method, [id, ...args], limitMs) })
  } finally {
    // It ends by itself when nobody uses it.
    await within(address, 'session.logout', [id], LOGIN_MS).catch(unlessFailure)
  }
}

function unlessFailure(error: unknown): void {
  if (!(error instanceof XapiFailure)) throw error
}

/** Whether a session that was handed to a plug-in is that of root on a host: others may reach plug-ins, too. */
export const isRoots = async (address: XapiAddress, session: string): Promise<boolean> =>
  (await within(address, 'session.get_is_local_superuser', [session, session], LOGIN_MS)) === true

async function within(address: XapiAddress, method: string, args: readonly unknown[], limitMs: number): Promise<unknown> {
  const limit = new Limit(limitMs)
  try {
    return await callOver(address, method, args, limit)
  } catch (error) {
    throw asFailure(error, method)
  } finally {
    limit.end()
  }
}
