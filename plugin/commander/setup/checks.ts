import { randomBytes } from 'node:crypto'
import { Refusal } from '../../../lib/core/domain/errors'
import { PATHS } from '../../../lib/core/domain/layout'
import { readPoolKey } from '../../../lib/dom0/witness/pool-keys'
import { keyIn } from '../../../lib/dom0/api/setup-desk'
import { holdfastConfig } from '../../../lib/wire/config'
import type { SetupOffer } from '../../../lib/wire/setup'
import { Malformed } from '../../../lib/wire/shape'
import { isEtcd } from '../../../lib/wire/witness-settings'
import type { Survey } from '../../../lib/xapi/pool-survey'
import type { NamedWitness } from './witnesses'

export interface KeyWishes {
  readonly poolKey?: string
  readonly renewKey?: true
}

/** The one that this host has, or was given; a new one where there is none, or it is to be replaced. */
export function keyFor(
  { poolKey, renewKey }: KeyWishes,
  offers: ReadonlyMap<string, SetupOffer>,
  { hosts }: Survey,
  witnesses: readonly (NamedWitness | null)[],
): Buffer {
  if (renewKey) {
    const busy = hosts.find(({ uuid }) => (offers.get(uuid)?.workers ?? 0) > 0)
    if (busy !== undefined)
      throw lacks(
        `quiet: disks are in use on ${busy.name}, by workers that know the key`,
        'Shut down every VM with disks in a Holdfast SR, and unprotect it.',
      )
    return poolKey === undefined ? randomBytes(32) : readPoolKey(poolKey)
  }
  const known = keyIn(PATHS.poolKey)
  if (poolKey !== undefined) return readPoolKey(poolKey)
  if (known !== null) return known
  const elsewhere = hosts.find(({ uuid }) => offers.get(uuid)?.keyDigest != null)
  if (elsewhere !== undefined) throw new Refusal('HOLDFAST_OTHER_KEY', { host: elsewhere.name })
  const byHand = witnesses.find((witness) => witness !== null && witness.invitation === null && !isEtcd(witness.address))
  if (byHand)
    throw lacks(`the key that ${byHand.address} has`, 'Add --pool-key FILE, or give an invitation in place of its address.')
  return randomBytes(32)
}

export function understood<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw lacks(
      `a configuration that holds: ${error.message}`,
      `Mend ${PATHS.config} on this host or what was asked, then repeat.`,
    )
  }
}

/** A witness that keeps the former key hears nobody any more. */
export function needInvitations(config: string, given: readonly (NamedWitness | null)[]): void {
  const { witness, alternateWitness } = holdfastConfig(config)
  const deaf = [witness, alternateWitness].find(
    (address) =>
      address !== null && !isEtcd(address) && !given.some((each) => each?.address === address && each.invitation !== null),
  )
  if (deaf != null)
    throw lacks(
      `an invitation of the witness at ${deaf}, which has the former key`,
      'Give one with --witness or --alternate: holdfast witness invite --data DIR',
    )
}

const lacks = (reason: string, todo: string): Refusal => new Refusal('HOLDFAST_SETUP_LACKS', { reason, todo })
