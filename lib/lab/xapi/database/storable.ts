import type { Value } from '../../contract'
import { ApiError } from '../../contract'

/** What the real database makes of a value: a control character ends a string, silently; maps cannot have an empty key. */
export function storable(value: Value): Value {
  if (typeof value === 'string') return cut(value)
  if (Array.isArray(value)) return value.map(storable)
  if (typeof value !== 'object') return value
  const entries = Object.entries(value).map(([key, member]): [string, Value] => {
    if (key === '') throw new ApiError('INTERNAL_ERROR', 'Db_exn.Empty_key_in_map')
    return [cut(key), storable(member)]
  })
  return Object.fromEntries(entries)
}

// eslint-disable-next-line no-control-regex -- exactly the characters that XML 1.0 forbids
const cut = (text: string): string => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f][^]*$/, '')
