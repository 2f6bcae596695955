import type { Hello, PeerFrame, PeerRefusal, Welcome } from './peer'

/** Checks what came as JSON. Each returns null for anything that is not exactly of its shape; further fields are dropped. */

const REFUSALS: ReadonlySet<string> = new Set<PeerRefusal>(['TERM', 'SIZE', 'VOLUMES', 'VM', 'PROTOCOL'])
const STATES: ReadonlySet<string> = new Set<Welcome['volumes'][number]['state']>([
  'up-to-date',
  'inconsistent',
  'outdated',
  'failed',
])

export type Refuse = Extract<PeerFrame, { type: 'refuse' }>['refuse']
export type ReplicaNews = Omit<Extract<PeerFrame, { type: 'replica' }>, 'type'>

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
export const isOtherProtocol = (fields: Fields): boolean => isCount(fields['protocol']) && fields['protocol'] !== 1

export function asHello(fields: Fields): Hello | null {
  const { pool, vm, host, term, linkId } = fields
  const volumes = listOf(fields['volumes'], ({ key, sizeBytes }) =>
    isText(key) && isCount(sizeBytes) ? { key, sizeBytes } : null,
  )
  if (fields['protocol'] !== 1 || volumes === null) return null
  if (!isText(pool) || !isText(vm) || !isText(host) || !isCount(term) || !isCount(linkId)) return null
  return { protocol: 1, pool, vm, host, term, linkId, volumes }
}

export function asWelcome(fields: Fields): Welcome | null {
  const { host, incarnation } = fields
  const volumes = listOf(fields['volumes'], ({ key, state, replica }) =>
    isText(key) && isState(state) && isText(replica) ? { key, state, replica } : null,
  )
  if (fields['protocol'] !== 1 || !isText(host) || !isText(incarnation) || volumes === null) return null
  return { protocol: 1, host, incarnation, volumes }
}

export function asRefuse(fields: Fields): Refuse | null {
  const { code, text, term } = fields
  return isRefusal(code) && isText(text) && isCount(term) ? { code, text, term } : null
}

export function asReplicaNews(fields: Fields): ReplicaNews | null {
  const { volume, usable, error } = fields
  return isCount(volume) && typeof usable === 'boolean' && isText(error) ? { volume, usable, error } : null
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
const isState = (value: unknown): value is Welcome['volumes'][number]['state'] => isText(value) && STATES.has(value)
