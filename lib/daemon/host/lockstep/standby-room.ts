import { Refusal } from '../../../core/domain/errors'
import type { HostUuid } from '../../../core/domain/ids'
import type { Situation, StandbyRoom } from '../../../core/policy/protection'
import { XapiFailure } from '../../../ports/xapi'
import type { HostParts } from '../parts'

const LACKS_LIMIT_MS = 20_000
const MEMORY_LIMIT_MS = 5000
const WHY_LENGTH_MAX = 300

/** The same situation, with what each host that answers is like as the place of a waiting copy. */
export async function withStandbys(parts: HostParts, situation: Situation): Promise<Situation> {
  const { inventory, suspected } = situation
  const hosts = inventory.hosts.filter(({ uuid }) => !suspected.has(uuid))
  const asked = hosts.map(async ({ uuid }) => [uuid, await roomOn(parts, uuid)] as const)
  return { ...situation, standbys: new Map(await Promise.all(asked)) }
}

async function roomOn(parts: HostParts, host: HostUuid): Promise<StandbyRoom> {
  const [lacks, freeBytes] = await Promise.all([lacksOn(parts, host), freeOn(parts, host)])
  return { lacks, freeBytes }
}

export async function lacksHere({ standbys }: HostParts): Promise<string | null> {
  try {
    return await standbys.lacks()
  } catch (error) {
    return untold(error instanceof Error ? error.message : String(error))
  }
}

async function lacksOn(parts: HostParts, host: HostUuid): Promise<string | null> {
  if (host === parts.host) return lacksHere(parts)
  try {
    return (await parts.askPeer(host, 'lockstep-lacks', {}, LACKS_LIMIT_MS)).lacks
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return untold(error.message)
  }
}

/** What cannot be known counts as lacking: the VM would be at redirect and called in lockstep. */
const untold = (why: string): string => `it does not tell whether it can keep a waiting copy (${why.slice(0, WHY_LENGTH_MAX)})`

/** Null when XAPI does not tell: whoever prepares the copy finds out. */
async function freeOn({ xapi, log }: HostParts, host: HostUuid): Promise<number | null> {
  try {
    const answer = await xapi.call('host.compute_free_memory', [{ xapiClass: 'host', uuid: host }], {
      deadlineMs: MEMORY_LIMIT_MS,
    })
    const bytes = Number(answer)
    return Number.isSafeInteger(bytes) ? bytes : null
  } catch (error) {
    if (!(error instanceof XapiFailure)) throw error
    log.debug('XAPI does not tell how much memory is free', { host, error: error.message })
    return null
  }
}
