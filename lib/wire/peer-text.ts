import { PEER_PROTOCOL, type Hello, type PeerFrame, type PeerRefusal, type Welcome } from './peer'

/** Checks what came as JSON. Each returns null for anything that is not exactly of its shape; further fields are dropped. */

const REFUSALS: ReadonlySet<string> = new Set<PeerRefusal>(['TERM', 'SEALED', 'SIZE', 'VOLUMES', 'VM', 'PROTOCOL'])
export type Refuse = Extract<PeerFrame, { type: 'refuse' }>['refuse']

type Fields = Readonly<Record<string, unknown>>

/** The JSON object in `bytes`, or null. */
export function fieldsOf(bytes: Buffer): Fields | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** Also true of hellos and welcomes that are of no shape known here: a later protocol says so in the same place. */
export const isOtherProtocol = (fields: Fields): boolean => isCount(fields['protocol']) && fields['protocol'] !== PEER_PROTOCOL

export function asHello(fields: Fields): Hello | null {
  const { pool, vm, host, incarnation, term, linkId } = fields
  const volumes = listOf(fields['volumes'], ({ key, sizeBytes }) =>
    isText(key) && isCount(sizeBytes) ? { key, sizeBytes } : null,
  )
  if (fields['protocol'] !== PEER_PROTOCOL || volumes === null) return null
  if (!isText(pool) || !isText(vm) || !isText(host) || !isText(incarnation) || !isCount(term) || !isCount(linkId)) return null
  return { protocol: PEER_PROTOCOL, pool, vm, host, incarnation, term, linkId, volumes }
}

export function asWelcome(fields: Fields): Welcome | null {
  const { host, notes, lockstep } = fields
  if (fields['protocol'] !== PEER_PROTOCOL || !isText(host)) return null
  return { protocol: PEER_PROTOCOL, host, ...(notes === true ? { notes } : {}), ...(lockstep === true ? { lockstep } : {}) }
}

export function asRefuse(fields: Fields): Refuse | null {
  const { code, text, term } = fields
  return isRefusal(code) && isText(text) && isCount(term) ? { code, text, term } : null
}

function listOf<T>(value: unknown, read: (fields: Fields) => T | null): T[] | null {
  if (!Array.isArray(value)) return null
  const items = value.map((item: unknown) => (isObject(item) ? read(item) : null))
  return items.every((item) => item !== null) ? items : null
}

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value)
const isText = (value: unknown): value is string => typeof value === 'string'
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const isRefusal = (value: unknown): value is PeerRefusal => isText(value) && REFUSALS.has(value)
