import { Refusal } from '../../../lib/core/domain/errors'
import type { Handlers } from '../../../lib/dom0/api/api-answer'
import type { Log } from '../../../lib/ports/log'
import type { DaemonApi } from '../../../lib/wire/daemon-api'
import { DAEMON_ASKS } from '../../../lib/wire/ask-shapes'

/** A daemon that refuses everything but an empty status; a test overrides what it is about. */
export function daemonHandlers(): Handlers<DaemonApi> {
  const refuse = (fn: string) => () =>
    Promise.reject(new Refusal('HOLDFAST_BAD_REQUEST', { reason: `The small daemon has no ${fn}.` }))
  const refusing = Object.fromEntries(Object.keys(DAEMON_ASKS).map((fn) => [fn, refuse(fn)])) as unknown as Handlers<DaemonApi>
  return {
    ...refusing,
    status: () => Promise.resolve(STATUS_OF_NOTHING),
  }
}

const STATUS_OF_NOTHING: DaemonApi['status']['answer'] = {
  host: '11111111-0001-4000-8000-000000000001' as DaemonApi['status']['answer']['host'],
  hosts: [],
  witness: { address: '10.77.0.250:7788', reachable: true },
  vms: [],
}

export function recordingLog(): Log & { readonly lines: string[] } {
  const lines: string[] = []
  const line =
    (level: string) =>
    (text: string, facts?: Readonly<Record<string, unknown>>): void => {
      lines.push(`${level} ${text} ${JSON.stringify(facts ?? {})}`)
    }
  return { lines, debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
}
