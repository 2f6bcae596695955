/** The comparison by shape where the recorder kept only part of a record: every field it kept must be ours, too, with its type. */

/** What ours lacks or has with another type, or undefined. Values do not matter, nor what only ours has. */
export function missingIn(kept: unknown, ours: unknown, path: string): string | undefined {
  const [theirs, mine] = [typeName(kept), typeName(ours)]
  if (theirs !== mine) return `${path}: recorded a ${theirs}, ours ${mine}`
  if (Array.isArray(kept) && Array.isArray(ours)) {
    return kept.length === 0 || ours.length === 0 ? undefined : missingIn(kept[0], ours[0], `${path}[0]`)
  }
  if (typeof kept !== 'object' || kept === null || typeof ours !== 'object' || ours === null) return undefined
  if (!isRecordLike(kept)) return undefined
  const fields: Readonly<Record<string, unknown>> = { ...ours }
  for (const [name, value] of Object.entries(kept)) {
    if (!(name in fields)) return `${path}: ours lacks ${name}`
    const why = missingIn(value, fields[name], `${path}.${name}`)
    if (why !== undefined) return why
  }
  return undefined
}

/** Maps have whatever keys they have; events and what they show of an object have fields. */
const isRecordLike = (value: object): boolean =>
  ['timestamp', 'snapshot', 'uuid', 'power_state', 'allowed_operations', 'current_operations'].some((name) => name in value)

function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  return Array.isArray(value) ? 'list' : typeof value
}
