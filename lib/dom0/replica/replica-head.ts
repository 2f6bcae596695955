import { createHash } from 'node:crypto'
import { isUuid, volumeKey } from '../../core/domain/ids'
import { HISTORY_MAX, NO_GENERATIONS, type Generations, type ReplicaMetadata } from '../../core/domain/volume'

export const HEAD_FORMAT = 3

/** One of the two copies of a replica's head. */
export interface HeadCopy {
  /** That of the text it was read from. */
  readonly format: number
  /** Grows by one with each save. */
  readonly seq: number
  readonly metadata: ReplicaMetadata
}

/**
 * One line of JSON: `{"format": 3, "seq": 7, "metadata": {...}, "sha256": "<of format, seq and metadata, a space between them>"}`.
 * These four fields and what the checksum is of stay the same in later formats.
 */
export const headText = (seq: number, metadata: ReplicaMetadata): string =>
  JSON.stringify({ format: HEAD_FORMAT, seq, metadata, sha256: sha256(`${HEAD_FORMAT} ${seq} ${JSON.stringify(metadata)}`) }) +
  '\n'

/** `'newer'`: a later release wrote it; `'newer-maybe'`: or a damaged one of this release looks so. */
export function parseHead(text: string): HeadCopy | 'damaged' | 'newer' | 'newer-maybe' {
  const fields = fieldsOf(text)
  if (fields === null) return 'damaged'
  const { format, metadata, sha256: sum } = fields
  const seq = format === 1 ? fields['generation'] : fields['seq']
  if (!isCount(format) || format < 1) return 'damaged'
  const whole = sum === sha256(`${format === 1 ? '' : `${format} `}${String(seq)} ${JSON.stringify(metadata)}`)
  if (format > HEAD_FORMAT) return whole ? 'newer' : 'newer-maybe'
  if (!whole || !isCount(seq) || !isObject(metadata)) return 'damaged'
  const checked = asMetadata(metadata, generationsIn(format, metadata['generations']))
  return checked === null ? 'damaged' : { format, seq, metadata: checked }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

function fieldsOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function asMetadata(fields: Readonly<Record<string, unknown>>, generations: Generations | null): ReplicaMetadata | null {
  const { volume, replica, sizeBytes, term, state, boot = '' } = fields
  if (typeof volume !== 'string' || !isUuid(volume) || typeof replica !== 'string') return null
  if (!isCount(sizeBytes) || !isCount(term) || generations === null) return null
  if (state !== 'up-to-date' && state !== 'inconsistent' && state !== 'outdated') return null
  if (typeof boot !== 'string') return null
  return { volume: volumeKey(volume), replica, sizeBytes, term, state, generations, boot }
}

/** Format 1 had none, format 2 all but the former one. */
function generationsIn(format: number, value: unknown): Generations | null {
  if (format === 1) return NO_GENERATIONS
  return asGenerations(format === 2 && isObject(value) ? { ...value, former: '' } : value)
}

/** Null when an identifier is not one, or there are too many. */
export function asGenerations(value: unknown): Generations | null {
  if (!isObject(value)) return null
  const { current, bitmap, former, history } = value
  if (!isIdOrNone(current) || !isIdOrNone(bitmap) || !isIdOrNone(former)) return null
  if (!Array.isArray(history) || history.length > HISTORY_MAX) return null
  return history.every(isId) ? { current, bitmap, former, history } : null
}

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9a-f]{16}$/.test(value)
const isIdOrNone = (value: unknown): value is string => value === '' || isId(value)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
