import { request } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { Refusal } from '../../core/domain/errors'
import type { DaemonApi } from '../../wire/daemon-api'
import { exchange } from './api-exchange'
import { codeOf } from '../system/system-error'
import { connectTlsPsk, type PoolSecret } from '../socket/tls-psk'

export interface PeerDaemon {
  /** For the text of a refusal. */
  readonly host: string
  /** Tried in turn until one connects. */
  readonly addresses: readonly string[]
  readonly port: number
  readonly secret: PoolSecret
  /** For the answer once connected, in milliseconds. */
  readonly limitMs: number
  /** For one address to connect, in milliseconds. */
  readonly connectMs: number
}

/**
 * Asks another host's daemon. A question is sent once: another address is tried only while no connection was made, so nothing is
 * done twice. Rejects with that daemon's Refusal, HOLDFAST_HOST_UNREACHABLE, HOLDFAST_TIMED_OUT, or DaemonBug.
 */
export async function askPeerDaemon<F extends keyof DaemonApi>(
  fn: F,
  ask: DaemonApi[F]['ask'],
  peer: PeerDaemon,
): Promise<DaemonApi[F]['answer']> {
  const socket = await firstConnected(peer)
  try {
    return await exchange<DaemonApi[F]['answer']>((options) => request({ ...options, createConnection: () => socket }), {
      fn,
      ask,
      limitMs: peer.limitMs,
    })
  } catch (error) {
    if (error instanceof Refusal || codeOf(error) === '') throw error
    throw new Refusal('HOLDFAST_HOST_UNREACHABLE', { host: peer.host, reason: `The answer was lost: ${codeOf(error)}.` })
  } finally {
    socket.destroy()
  }
}

async function firstConnected(peer: PeerDaemon): Promise<TLSSocket> {
  const failures: string[] = []
  for (const address of peer.addresses) {
    const attempt = await connectTo(address, peer)
    if (typeof attempt !== 'string') return attempt
    failures.push(`${address}: ${attempt}`)
  }
  throw new Refusal('HOLDFAST_HOST_UNREACHABLE', {
    host: peer.host,
    reason: failures.length === 0 ? 'It has no known address.' : `Connecting failed (${failures.join(', ')}).`,
  })
}

/** The connected socket, or why there is none. */
function connectTo(address: string, { port, secret, connectMs }: PeerDaemon): Promise<TLSSocket | string> {
  return new Promise((resolve) => {
    const socket = connectTlsPsk(address, port, secret)
    const fail = (why: string): void => {
      clearTimeout(deadline)
      socket.destroy()
      resolve(why)
    }
    const deadline = setTimeout(() => fail(`no connection in ${connectMs} ms`), connectMs)
    const onError = (error: Error): void => fail(codeOf(error) || error.message)
    socket.on('error', onError)
    socket.once('secureConnect', () => {
      clearTimeout(deadline)
      socket.off('error', onError)
      resolve(socket)
    })
  })
}
