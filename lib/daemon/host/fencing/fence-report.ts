import { must } from '../../../core/domain/assert'
import { Refusal, refusalLines } from '../../../core/domain/errors'
import type { HostUuid } from '../../../core/domain/ids'
import { objectionWords } from '../../../core/fencing/words'
import type { DaemonApi, FenceReport } from '../../../wire/daemon-api'
import type { Fencing } from './fencing'
import type { Membership } from '../membership'
import { hostByName, hostNameOf } from '../names'
import type { HostParts } from '../parts'

export interface FenceNeeds {
  readonly parts: HostParts
  readonly membership: Membership
  readonly fencing: Fencing
}

type Ask = DaemonApi['fence']['ask']

const WHO_LENGTH_MAX = 80
const PASS_ON_MS = 5000

/** What is known of a host that may have to be fenced; with `confirm`, an operator's word that it is off. */
export const fenceHandler =
  (needs: FenceNeeds) =>
  async (ask: Ask): Promise<FenceReport> => {
    const { parts } = needs
    const host = hostByName(parts, ask.host)
    if (host === parts.host) {
      const todo = 'Ask on another host of the pool.'
      throw new Refusal('HOLDFAST_FENCE_REFUSED', {
        host: hostNameOf(parts, host),
        reason: 'It is this host, and it runs.',
        todo,
      })
    }
    if (ask.confirm !== true) return reportOn(needs, host, [])
    const who = (ask.who ?? '').trim().slice(0, WHO_LENGTH_MAX) || 'somebody'
    await confirm(needs, host, who)
    return reportOn(needs, host, ask.here === true ? [] : await passOn(needs, host, who))
  }

async function confirm({ parts, fencing }: FenceNeeds, host: HostUuid, who: string): Promise<void> {
  const name = hostNameOf(parts, host)
  const refuse = (reason: string, todo: string): Refusal => new Refusal('HOLDFAST_FENCE_REFUSED', { host: name, reason, todo })
  let against
  try {
    against = await driverOf(fencing, host).confirm(who)
  } catch (error) {
    const reason = `The word could not be written down: ${error instanceof Error ? error.message : String(error)}`
    throw refuse(reason, 'Make room on the disk of /var/lib/holdfast, then repeat.')
  }
  if (against === null || against === 'proven-already') return
  const { why, todo } = objectionWords(against, name, namesOf(parts, fencing.othersOf(host).heardBy))
  throw refuse(why, todo)
}

/** A VM's other copy may be on any of them. Each judges by what it hears itself. */
const passOn = ({ parts, membership }: FenceNeeds, host: HostUuid, who: string): Promise<FenceReport['passedOn']> =>
  Promise.all(
    membership.others
      .filter((other) => other !== host && membership.isAlive(other))
      .map(async (other) => {
        const named = { host: hostNameOf(parts, other) }
        try {
          await parts.askPeer(other, 'fence', { host, confirm: true, who, here: true }, PASS_ON_MS)
          return { ...named, recorded: true, why: '' }
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          return { ...named, recorded: false, why: refusalLines(error.code, error.facts)[1] }
        }
      }),
  )

function reportOn({ parts, membership, fencing }: FenceNeeds, host: HostUuid, passedOn: FenceReport['passedOn']): FenceReport {
  const { against, power, proof, word } = driverOf(fencing, host)
  const { asked, heardBy } = fencing.othersOf(host)
  const name = hostNameOf(parts, host)
  const heard = namesOf(parts, heardBy)
  const { why, todo } = against === null ? { why: '', todo: '' } : objectionWords(against, name, heard)
  const state = membership.report().find((peer) => peer.host === host)?.state ?? 'unknown'
  return {
    ...{ host, name, state: state === 'unknown' ? 'never-seen' : state, asked: namesOf(parts, asked), heardBy: heard },
    ...{ power, hasPower: parts.power.knows(host), proof: proof?.by ?? null, against, why, todo },
    ...{ confirmed: word === null ? null : { who: word.who, at: word.at }, passedOn },
  }
}

const driverOf = (fencing: Fencing, host: HostUuid): NonNullable<ReturnType<Fencing['of']>> =>
  must(fencing.of(host), 'every other host has a ladder')

const namesOf = (parts: HostParts, hosts: readonly HostUuid[]): string[] => hosts.map((host) => hostNameOf(parts, host))
