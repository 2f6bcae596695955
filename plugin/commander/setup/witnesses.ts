import { Refusal } from '../../../lib/core/domain/errors'
import { enrol } from '../../../lib/dom0/witness/enrol'
import { quietLog } from '../../../lib/dom0/log/quiet-log'
import { connectWitness } from '../../../lib/dom0/witness/witness-client'
import { WitnessUnreachable } from '../../../lib/ports/witness'
import { type Invitation, invitationOf } from '../../../lib/wire/enrolment'
import { Malformed } from '../../../lib/wire/shape'
import { isEtcd, witnessAddress } from '../../../lib/wire/witness-settings'

/** A witness as the operator names it. */
export interface NamedWitness {
  readonly address: string
  /** Null: it has the key already, or needs none. */
  readonly invitation: Invitation | null
}

/** Null: not named. Throws Refusal HOLDFAST_SETUP_LACKS. */
export function namedWitness(given: string | undefined, option: string): NamedWitness | null {
  if (given === undefined) return null
  try {
    const invitation = invitationOf(given)
    return { address: invitation?.address ?? witnessAddress(given, option), invitation }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error
    throw new Refusal('HOLDFAST_SETUP_LACKS', {
      reason: `a witness in ${option}: ${error.message}`,
      todo: 'Give what the witness printed, HOST:PORT/SECRET; HOST:PORT of one that has the key; or etcd+https://HOST:PORT,...',
    })
  }
}

/** Leaves the key with each witness that invited. One after the other: the second invitation is not spent when the first is refused. */
export async function enrolAt(
  witnesses: readonly (NamedWitness | null)[],
  pool: string,
  key: Buffer,
  renew: boolean,
): Promise<void> {
  for (const witness of witnesses) {
    if (witness?.invitation) await enrolOnce(witness.invitation, pool, key, renew)
  }
}

/** An invitation that this pool used before is no fault: whoever repeats the command gets on. */
async function enrolOnce(invitation: Invitation, pool: string, key: Buffer, renew: boolean): Promise<void> {
  try {
    await enrol(invitation, { pool, key: key.toString('hex'), renew })
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== 'HOLDFAST_INVITATION_REFUSED') throw error
    if (!(await isServed(invitation.address, pool, key))) throw error
  }
}

/** Whether it answers a host with that key; etcd counts as answering, it has no keys of ours. */
export async function isServed(address: string, pool: string, key: Buffer): Promise<boolean> {
  if (isEtcd(address)) return true
  const witness = connectWitness({ address, pool, key, log: quietLog, deadlineMs: SERVED_LIMIT_MS })
  try {
    await witness.list()
    return true
  } catch (error) {
    if (error instanceof WitnessUnreachable) return false
    throw error
  } finally {
    witness.close()
  }
}

const SERVED_LIMIT_MS = 3000
