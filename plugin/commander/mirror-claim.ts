import { Refusal } from '../../lib/core/domain/errors'
import type { ReplicaVerdict } from '../../lib/core/standalone/replica-verdict'
import { presentClaim, refuseSecondCreate, storeFirstClaim, type PairFacts } from '../../lib/dom0/mirror/first-claim'
import { firstReplica, giveUpFirstReplica } from '../../lib/dom0/mirror/first-replica'
import { hostId, mirrorIds } from '../../lib/dom0/mirror/identity'
import { readPoolKey } from '../../lib/dom0/witness/pool-keys'
import { codeOf, textOf } from '../../lib/dom0/system/system-error'
import type { Log } from '../../lib/ports/log'
import type { MirrorOptions } from '../../lib/wire/mirror-options'
import type { WorkerSpec } from '../../lib/wire/worker-api'
import { replicaRefusal } from './mirror-look'

/** Makes the first replica and the first claim, or looks whose the claim is. */
export async function settleClaim(options: MirrorOptions, spec: WorkerSpec, { act }: ReplicaVerdict, log: Log): Promise<void> {
  const { name, host, pair, create } = options
  const [volume] = spec.volumes
  if (volume === undefined) return
  if (pair === null) {
    if (create) await made(options, firstReplica(act, volume))
    return
  }
  const facts: PairFacts = {
    ...{ mirror: name, ids: mirrorIds(name), witness: pair.witness, pool: spec.pool, key: readPoolKey(pair.keyFile), log },
    hosts: new Map([
      [spec.host, host],
      [hostId(pair.peer.name), pair.peer.name],
    ]),
  }
  if (!create) {
    await lookAtClaim(facts)
    return
  }
  await refuseSecondCreate(facts)
  const term = await made(options, firstReplica(act, volume))
  try {
    await storeFirstClaim(facts, spec.host, term)
  } catch (error) {
    if (error instanceof Refusal && error.code === 'HOLDFAST_MIRROR_CLAIM') await giveUpFirstReplica(volume)
    throw error
  }
}

/** A full disk, one that cannot be written to: what nobody sees before it is tried. */
async function made(options: MirrorOptions, term: Promise<number>): Promise<number> {
  try {
    return await term
  } catch (error) {
    if (codeOf(error) === '') throw error
    throw replicaRefusal(options, `${textOf(error)}.`, 'Mend that, or name another place, and repeat.')
  }
}

/** A silent witness is no reason to stay away: the worker waits for it. */
async function lookAtClaim(facts: PairFacts): Promise<void> {
  try {
    const stored = await presentClaim(facts)
    if (stored === null) facts.log.info('no claim yet: waiting for the other side to be started with --create')
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'HOLDFAST_WITNESS_UNREACHABLE') throw error
    facts.log.warn('the witness does not answer; waiting for it', { reason: error.facts['reason'] })
  }
}
