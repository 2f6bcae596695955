import type { Value } from '../../contract'

/** Equal as the API sees it: sets and maps have no order. */
export function sameValue(a: Value, b: Value): boolean {
  return a === b || ordered(a) === ordered(b)
}

function ordered(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(ordered).sort().join(',')}]`
  if (typeof value !== 'object') return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${ordered(member)}`)
    .sort()
    .join(',')}}`
}
