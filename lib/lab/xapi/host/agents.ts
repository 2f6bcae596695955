/** Agents: how the coordinator has something done on a host, itself included. */
import { setTimeout as delay } from 'node:timers/promises'
import type { HostAgent, HostOperations, LabTimes, Ref, Value } from '../../contract'
import { ApiError } from '../../contract'
import type { Peer } from './link'
import { LinkDown, post, readInternal } from './link'

export function localAgent(operations: HostOperations): HostAgent {
  return {
    perform: async (operation, args) => {
      const run = operations[operation]
      if (run === undefined) throw new Error(`no operation ${operation} on this host`)
      return run(args)
    },
  }
}

const RETRY_MS = 250
const CHECK_MS = 2000

export class RemoteAgent implements HostAgent {
  constructor(
    private readonly host: Ref,
    private readonly peer: Peer,
    private readonly secret: string,
    private readonly times: LabTimes,
  ) {}

  async perform(operation: string, args: { [key: string]: Value }): Promise<Value> {
    const deadline = Date.now() + this.times.deadHostCallMs
    for (;;) {
      try {
        return await this.attempt(operation, args)
      } catch (error) {
        if (!(error instanceof LinkDown)) throw error
        if (!error.wasSent && Date.now() + RETRY_MS < deadline) await delay(RETRY_MS)
        else {
          await this.untilBackOr(deadline)
          throw new ApiError('CANNOT_CONTACT_HOST', this.host)
        }
      }
    }
  }

  /** Whether the host answers within withinMs; never rejects for a dead one. */
  async isAlive(withinMs: number): Promise<boolean> {
    const limit = AbortSignal.timeout(withinMs)
    try {
      await post(this.peer, { path: '/lab/role', headers: this.headers(), body: '{}', signal: limit, connectMs: withinMs })
      return true
    } catch (error) {
      if (!(error instanceof LinkDown)) throw error
      // A host that refuses at once still costs the whole probe, as with the real one.
      await new Promise<void>((resolve) => {
        if (limit.aborted) resolve()
        else limit.addEventListener('abort', () => resolve(), { once: true })
      })
      return false
    }
  }

  /** The call is lost. A host that only restarted says so soon; of a dead one it is learned as late as by a new call. */
  private async untilBackOr(deadline: number): Promise<void> {
    while (Date.now() < deadline) {
      if (await this.isAlive(Math.min(CHECK_MS, deadline - Date.now()))) return
    }
  }

  private async attempt(operation: string, args: { [key: string]: Value }): Promise<Value> {
    const stop = new AbortController()
    const watch = this.watch(stop)
    try {
      const body = JSON.stringify({ operation, args })
      const connectMs = Math.min(this.times.deadHostCallMs, CHECK_MS)
      const reply = await post(this.peer, { path: '/lab/agent', headers: this.headers(), body, signal: stop.signal, connectMs })
      return readInternal(reply)
    } finally {
      watch.stop()
    }
  }

  /** A network cut leaves a connection silent for ever: while a call runs the host is asked whether it still lives. */
  private watch(stop: AbortController): { stop: () => void } {
    let lastHeard = Date.now()
    const timer = setInterval(() => {
      const signal = AbortSignal.timeout(CHECK_MS)
      post(this.peer, { path: '/lab/role', headers: this.headers(), body: '{}', signal, connectMs: CHECK_MS }).then(
        () => (lastHeard = Date.now()),
        () => {
          if (Date.now() - lastHeard > this.times.deadHostCallMs) stop.abort()
        },
      )
    }, CHECK_MS)
    return { stop: () => clearInterval(timer) }
  }

  private headers(): Record<string, string> {
    return { 'content-type': 'application/json', 'x-pool-token': this.secret }
  }
}
