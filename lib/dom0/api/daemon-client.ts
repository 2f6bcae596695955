import { request } from 'node:http'
import { Refusal } from '../../core/domain/errors'
import { PATHS } from '../../core/domain/layout'
import type { DaemonApi } from '../../wire/daemon-api'
import type { ApiTable } from '../../wire/ask-shapes'
import { exchange } from './api-exchange'
import { codeOf } from '../system/system-error'

export interface AskOptions {
  /** Path of the unix socket. */
  readonly socket: string
  /** Give up after this long. */
  readonly limitMs: number
}

/** The daemon's socket; a test or a second daemon on one machine names another. */
export const daemonSocket = (environment: NodeJS.ProcessEnv): string =>
  environment['HOLDFAST_DAEMON_SOCKET'] ?? PATHS.daemonSocket

/** `askDaemon` with its options filled in: what plug-ins, hooks and commands are given. */
export type Ask = <F extends keyof DaemonApi>(
  fn: F,
  ask: DaemonApi[F]['ask'],
  limitMs?: number,
) => Promise<DaemonApi[F]['answer']>

export const asker =
  (socket: string, usualLimitMs: number): Ask =>
  (fn, ask, limitMs = usualLimitMs) =>
    askDaemon(fn, ask, { socket, limitMs })

/**
 * Asks this host's daemon. Rejects with the daemon's Refusal, with Refusal HOLDFAST_DAEMON_UNREACHABLE or HOLDFAST_TIMED_OUT, or
 * with DaemonBug.
 */
export async function askDaemon<F extends keyof DaemonApi>(
  fn: F,
  ask: DaemonApi[F]['ask'],
  options: AskOptions,
): Promise<DaemonApi[F]['answer']> {
  try {
    return await askSocket<DaemonApi, F>(fn, ask, options)
  } catch (error) {
    if (error instanceof Refusal || codeOf(error) === '') throw error
    throw new Refusal('HOLDFAST_DAEMON_UNREACHABLE', { reason: reasonOf(codeOf(error), options.socket) })
  }
}

/** Asks any server of ours (daemon, worker) on a unix socket; a failed connection rejects with the system's error. */
export function askSocket<Api extends ApiTable<Api>, F extends keyof Api & string>(
  fn: F,
  ask: Api[F]['ask'],
  { socket, limitMs }: AskOptions,
): Promise<Api[F]['answer']> {
  return exchange<Api[F]['answer']>((options) => request({ ...options, agent: false, socketPath: socket }), { fn, ask, limitMs })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'It is not running: there is no socket {socket}.',
  ECONNREFUSED: 'It is not running: nobody listens on {socket}.',
  EACCES: 'Only root may connect to {socket}.',
  ECONNRESET: 'It ended while it worked on the request.',
}
const reasonOf = (code: string, socket: string): string =>
  (REASONS[code] ?? `Connecting to {socket} failed: ${code}.`).replace('{socket}', socket)
