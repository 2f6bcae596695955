import { Refusal } from '../../core/domain/errors'
import type { HostUuid } from '../../core/domain/ids'
import { oldestFirst, type TimelineEntry } from '../../core/domain/timeline'
import type { DaemonApi } from '../../wire/daemon-api'
import type { HostParts } from './parts'

const LIMIT = 200
const PEER_LIMIT_MS = 2000

/** One ordered timeline of both hosts; a host that does not answer is missing from it. `limit: 0` asks for this host's only. */
export async function timelineReport(
  parts: HostParts,
  { vm, limit }: DaemonApi['timeline']['ask'],
  isAlive: (host: HostUuid) => boolean,
): Promise<DaemonApi['timeline']['answer']> {
  const own = parts.readTimeline().filter((entry) => vm === undefined || entry.vm === vm || entry.vm === null)
  if (limit === 0) return { entries: own.slice(-LIMIT) }
  const others = (Object.keys(parts.config.hosts) as HostUuid[]).filter((host) => host !== parts.host && isAlive(host))
  const theirs = await Promise.all(others.map((host) => entriesOf(parts, host, vm)))
  const all = [...own, ...theirs.flat()].sort(oldestFirst)
  return { entries: all.slice(-(limit ?? LIMIT)) }
}

async function entriesOf(parts: HostParts, host: HostUuid, vm: string | undefined): Promise<readonly TimelineEntry[]> {
  try {
    return (await parts.askPeer(host, 'timeline', { limit: 0, ...(vm === undefined ? {} : { vm }) }, PEER_LIMIT_MS)).entries
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return []
  }
}
