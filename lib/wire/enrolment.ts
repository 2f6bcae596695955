import { isUuid } from '../core/domain/ids'
import { fields, flag, jsonObject, Malformed, oneOf, text } from './shape'
import { witnessAddress } from './witness-settings'

/**
 * How a witness comes to a pool's key: whoever proves the secret of an invitation, by TLS-PSK, says one line and hears one.
 *
 *     host     {"enrol":{"pool":UUID,"key":HEX,"renew":false}}
 *     witness  {"enrolled":{"witness":NAME}}      or {"refused":WHY}, and the end
 */
export interface EnrolAsk {
  readonly pool: string
  /** 32 bytes as 64 hex digits. */
  readonly key: string
  /** Another key of the pool is replaced. */
  readonly renew: boolean
}

export type EnrolAnswer = { readonly enrolled: string } | { readonly refused: EnrolRefusal }

const REFUSALS = ['used', 'expired', 'other-key', 'not-understood', 'not-written'] as const
export type EnrolRefusal = (typeof REFUSALS)[number]

/** `HOST:PORT/SECRET`, as a witness prints it. */
export interface Invitation {
  readonly address: string
  /** 32 hex digits, good for one enrolment. */
  readonly secret: string
}

export const ENROL_LINE_BYTES_MAX = 1024

/** Who shows an invitation calls itself so in the handshake; no pool does. */
const IDENTITY = 'invitation-'
export const invitationIdentity = (name: string): string => `${IDENTITY}${name}`
export const isInvitationIdentity = (identity: string): boolean => identity.startsWith(IDENTITY)

export const invitationText = ({ address, secret }: Invitation): string => `${address}/${secret}`

/** Null: the text is no invitation. */
export function invitationOf(given: string): Invitation | null {
  const [, address, secret] = /^([^/]+)\/([0-9a-f]{32})$/.exec(given) ?? []
  return address === undefined || secret === undefined ? null : { address: witnessAddress(address, 'the address'), secret }
}

export const encodeEnrolAsk = (ask: EnrolAsk): string => `${JSON.stringify({ enrol: ask })}\n`

/** Throws Malformed. */
export function decodeEnrolAsk(line: string): EnrolAsk {
  const enrol = fields(jsonObject(line)['enrol'], 'enrol')
  const pool = text(enrol['pool'], 'enrol.pool')
  const key = text(enrol['key'], 'enrol.key')
  if (!isUuid(pool)) throw new Malformed('enrol.pool is not a uuid')
  if (!/^[0-9a-f]{64}$/.test(key)) throw new Malformed('enrol.key is not 64 hex digits')
  return { pool, key, renew: flag(enrol['renew'], 'enrol.renew') }
}

export const encodeEnrolAnswer = (answer: EnrolAnswer): string =>
  `${JSON.stringify('enrolled' in answer ? { enrolled: { witness: answer.enrolled } } : answer)}\n`

/** Throws Malformed. */
export function decodeEnrolAnswer(line: string): EnrolAnswer {
  const { enrolled, refused } = jsonObject(line)
  if (enrolled === undefined) return { refused: oneOf(REFUSALS, refused, 'refused') }
  return { enrolled: text(fields(enrolled, 'enrolled')['witness'], 'enrolled.witness') }
}
