import type { Claim, StoredClaim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid } from '../../core/domain/ids'
import { LEASE_MS } from '../../core/domain/lease'
import type { Log } from '../../ports/log'
import { WitnessUnreachable } from '../../ports/witness'
import { connectWitness, type WitnessClient } from '../witness/witness-client'
import type { MirrorIds } from './identity'

export interface PairFacts {
  readonly mirror: string
  readonly ids: MirrorIds
  /** This side first. */
  readonly hosts: ReadonlyMap<HostUuid, string>
  readonly witness: string
  readonly pool: string
  readonly key: Buffer
  readonly log: Log
}

const WITNESS_LIMIT_MS = 5000
/** What OpenSSL calls an answer to a wrong key, or to a pool that the witness has no key of. */
const KEY_REFUSED = /\bSSL alert\b|bad record mac|unknown psk identity/i

/** Runs `act` with a witness client that is patient enough for an operator. Rejects with Refusal when the witness is silent. */
async function withWitness<T>(pair: PairFacts, act: (witness: WitnessClient) => Promise<T>): Promise<T> {
  const { witness: address, pool, key, log } = pair
  const witness = connectWitness({ address, pool, key, log, deadlineMs: WITNESS_LIMIT_MS })
  try {
    return await act(witness)
  } catch (error) {
    if (!(error instanceof WitnessUnreachable)) throw error
    const [reason = ''] = error.message.split('\n')
    if (!KEY_REFUSED.test(reason)) throw new Refusal('HOLDFAST_WITNESS_UNREACHABLE', { address, reason: `${reason}.` })
    const todo = 'Use the key file that the witness was started with, on both sides.'
    throw claimRefusal(pair.mirror, `The witness at ${address} does not accept the key.`, todo)
  } finally {
    witness.close()
  }
}

const claimRefusal = (mirror: string, reason: string, todo: string): Refusal =>
  new Refusal('HOLDFAST_MIRROR_CLAIM', { mirror, reason, todo })

/** Null when there is no claim. Refuses a claim of other machines: then the name is taken, or a --host is misspelled. */
export function presentClaim(pair: PairFacts): Promise<StoredClaim | null> {
  return withWitness(pair, async (witness) => {
    const stored = await witness.read(pair.ids.vm)
    if (stored === null || pair.hosts.has(stored.claim.holder)) return stored
    const names = [...pair.hosts.values()].join(' and ')
    const reason = `At the witness a mirror of this name is held by a machine that is neither of ${names}.`
    throw claimRefusal(pair.mirror, reason, 'Check --host and --peer, or give this mirror another --name.')
  })
}

/** There must be none yet. */
export async function refuseSecondCreate(pair: PairFacts): Promise<void> {
  const stored = await presentClaim(pair)
  if (stored !== null) throw secondCreate(pair, stored)
}

function secondCreate({ mirror, hosts }: PairFacts, { claim }: StoredClaim): Refusal {
  const holder = hosts.get(claim.holder) ?? 'another machine'
  const reason = `It exists already: ${holder} holds its claim (term ${claim.term}).`
  return claimRefusal(mirror, reason, 'Leave --create out: each side learns from the claim what it is.')
}

/** The first claim, held by this side, whose replica is the only one that counts. */
export function storeFirstClaim(pair: PairFacts, holder: HostUuid, term: number): Promise<void> {
  const { vm, volume } = pair.ids
  const first: Claim = { vm, term, holder, leaseMs: LEASE_MS, upToDate: { [volume]: [holder] }, lockstep: null }
  return withWitness(pair, async (witness) => {
    const answer = await witness.compareAndSwap(0, first)
    if (answer.stored) return
    if (answer.why === 'full')
      throw claimRefusal(
        pair.mirror,
        'The witness has no room for another claim.',
        'Remove claims there, or use another witness.',
      )
    if (answer.current !== null) throw secondCreate(pair, answer.current)
  })
}
