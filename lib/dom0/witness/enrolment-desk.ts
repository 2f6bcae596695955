import { timingSafeEqual } from 'node:crypto'
import { join } from 'node:path'
import type { ClaimConnection, ClaimServerEvents } from '../../ports/claim-server'
import type { Log } from '../../ports/log'
import { decodeEnrolAsk, encodeEnrolAnswer, type EnrolAnswer, type EnrolAsk, isInvitationIdentity } from '../../wire/enrolment'
import { Malformed } from '../../wire/shape'
import { systemClaimFiles, writeWhole } from './claim-log-files'
import { endInvitation, type InvitationRecord, readInvitation } from './invitation'
import type { PoolKeys } from './pool-keys'
import { codeOf, textOf } from '../system/system-error'

export interface EnrolmentParts {
  /** Where the invitation is. */
  readonly directory: string
  /** Where `<pool uuid>.key` files go. */
  readonly keysFolder: string
  readonly keys: PoolKeys
  /** Name of the witness. */
  readonly witness: string
  readonly log: Log
}

/** So many strangers may try their luck while an invitation is open. Nobody guesses 128 bits; who tries should be seen. */
const STRANGERS_MAX = 20

/** Where a pool with an invitation leaves its key. */
export class EnrolmentDesk implements ClaimServerEvents {
  /** Who came with another invitation while this one was open. */
  #strangers = { of: '', count: 0 }
  /** In hand: two that show the same invitation at once are not both served. */
  #inHand = ''

  constructor(private readonly parts: EnrolmentParts) {}

  /** Also of an invitation that is over, so that its bearer hears why. Null: nobody was invited so. */
  keyOf(identity: string): Buffer | null {
    const { directory } = this.parts
    const invitation = readInvitation(directory)
    if (invitation?.identity === identity) return invitation.key
    if (invitation?.state === 'open' && invitation.leftMs !== null) this.#stranger(invitation)
    return null
  }

  #stranger(invitation: InvitationRecord): void {
    const { directory, log } = this.parts
    if (this.#strangers.of !== invitation.identity) this.#strangers = { of: invitation.identity, count: 0 }
    this.#strangers.count += 1
    if (this.#strangers.count !== STRANGERS_MAX) return
    log.warn('the invitation is withdrawn: too many tried another one', { tries: STRANGERS_MAX })
    endInvitation(directory, invitation, 'withdrawn').catch((error: unknown) => {
      log.error('that is not on disk', { error: textOf(error) })
    })
  }

  #isWithdrawn({ identity, state }: InvitationRecord): boolean {
    return state === 'withdrawn' || (this.#strangers.of === identity && this.#strangers.count >= STRANGERS_MAX)
  }

  opened(): void {}

  closed(): void {}

  line(connection: ClaimConnection, line: string): void {
    const { log } = this.parts
    void this.#answer(connection, line).then((answer) => {
      log.info('enrolment', { remote: connection.remote, ...answer })
      connection.send(encodeEnrolAnswer(answer))
      connection.close()
    })
  }

  async #answer({ pool: identity }: ClaimConnection, line: string): Promise<EnrolAnswer> {
    if (this.#inHand === identity) return { refused: 'used' }
    this.#inHand = identity
    try {
      return await this.#enrolled(identity, decodeEnrolAsk(line))
    } catch (error) {
      if (error instanceof Malformed) return { refused: 'not-understood' }
      if (codeOf(error) === '') throw error
      this.parts.log.error('the key of a pool cannot be written', { error: textOf(error) })
      return { refused: 'not-written' }
    } finally {
      this.#inHand = ''
    }
  }

  async #enrolled(identity: string, { pool, key, renew }: EnrolAsk): Promise<EnrolAnswer> {
    const { directory, keysFolder, keys, witness } = this.parts
    const invitation = readInvitation(directory)
    if (invitation?.identity !== identity || this.#isWithdrawn(invitation)) return { refused: 'expired' }
    if (invitation.state === 'used') return { refused: 'used' }
    if (invitation.leftMs === null) return { refused: 'expired' }
    const known = keys.keyOf(pool)
    const isKnown = known !== null && timingSafeEqual(known, Buffer.from(key, 'hex'))
    if (known !== null && !isKnown && (!renew || keys.isGiven(pool))) return { refused: 'other-key' }
    // Spent first: what fails from here on costs another invitation, and never a second use of this one.
    await endInvitation(directory, invitation, 'used')
    const path = join(keysFolder, `${pool}.key`)
    if (!isKnown) await writeWhole(systemClaimFiles, keysFolder, [path, `${path}.new`], Buffer.from(`${key}\n`))
    return { enrolled: witness }
  }
}

/** Connections that show an invitation go to the desk, all others to the claims. */
export function besideTheClaims(desk: EnrolmentDesk, claims: ClaimServerEvents): ClaimServerEvents {
  const side = ({ pool }: ClaimConnection): ClaimServerEvents => (isInvitationIdentity(pool) ? desk : claims)
  return {
    opened: (connection) => side(connection).opened(connection),
    line: (connection, line) => side(connection).line(connection, line),
    closed: (connection) => side(connection).closed(connection),
  }
}
