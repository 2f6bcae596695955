import type { Side } from './events'
import { otherSide } from './events'
import { compareHistories, STRATEGIES } from './handshake'
import type { Replica } from './replica'

/** What becomes of a replica that has come and is not in use. `no`: not yet, or not as things stand. */
export type EntryVerdict =
  | { readonly entry: 'no' }
  | { readonly entry: 'admitted'; readonly rule: string }
  | { readonly entry: 'resynced'; readonly wholeDisk: boolean; readonly rule: string }
  /** Its bytes and those of the other one may not be mixed. */
  | { readonly entry: 'refused'; readonly rule: string }

type Replicas = Readonly<Record<Side, Replica>>

export interface Arrivals {
  /** The local replica has been opened, or could not be. */
  readonly localSeen: boolean
  /** One that was never met is waited for. */
  readonly patient: boolean
}

const NO: EntryVerdict = { entry: 'no' }

/** Of a replica that the claim lists: it has every acknowledged write, unless its machine lost them. */
export function verdictOnListed(side: Side, replicas: Replicas, { localSeen, patient }: Arrivals): EntryVerdict {
  const replica = replicas[side]
  const other = replicas[otherSide(side)]
  const { presence } = replica
  if (presence === null || replica.givenUp) return NO
  if (other.state === 'member') {
    const seamless = presence.incarnation === replica.lastIncarnation
    const { rule, strategy } = compareHistories(other.history, replica.history)
    // Otherwise the claim will cease to list it, and then it is resynced.
    if (strategy !== 'in-step' || (!seamless && !presence.cacheKept)) return NO
    return { entry: 'admitted', rule: seamless ? 'never-missed-a-write' : rule }
  }
  // At the start the local replica may open a moment after the peer answers: wait for it rather than prefer the peer.
  if (other.state === 'out' && side === 'peer' && !localSeen) return NO
  if (replica.history.state === 'inconsistent') return { entry: 'refused', rule: 'claim-lists-inconsistent' }
  if (!presence.cacheKept && mayHaveKeptMore(other, patient)) return NO
  return { entry: 'admitted', rule: replica.lastIncarnation === '' ? 'opened' : 'only-copy' }
}

/** The claim lists it, too, or may, and its machine has not lost what it had cached, or nobody knows that it has. */
function mayHaveKeptMore({ state, presence, history, lastError, lastIncarnation }: Replica, patient: boolean): boolean {
  if (state !== 'out') return false
  // What was confirmed under this very mirror is worth any wait: its guest lives, and believes in it.
  if (presence === null) return lastIncarnation !== '' || (patient && lastError === '')
  return presence.cacheKept && history.state !== 'inconsistent'
}

/** Of a replica that the claim does not list, while the other one serves: its history tells what it lacks. */
export function verdictOnAbsent(side: Side, replicas: Replicas): EntryVerdict {
  const source = replicas[otherSide(side)]
  if (source.state !== 'member') return NO
  const { rule, strategy } = compareHistories(source.history, replicas[side].history)
  const { allowed, wholeDisk, source: from } = STRATEGIES[strategy]
  if (allowed && from !== 'peer') return { entry: 'resynced', wholeDisk, rule }
  if (replicas[side].givenUp && rule !== 'no-good-copy')
    return { entry: 'resynced', wholeDisk: !bitmapsTellAll(rule), rule: 'operator-chose' }
  // The claim says that the other one counts, and the histories say the opposite.
  return { entry: 'refused', rule: allowed ? 'claim-contradicts-history' : rule }
}

/** Whether two histories that may not be mixed differ in no block but those of both bitmaps, because these count from one generation. */
export const bitmapsTellAll = (rule: string): boolean => rule === 'both-wrote-since'
