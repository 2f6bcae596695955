/**
 * Is our answer the recorded one? Errors must be the same to the last parameter. Of results the shape must be the same: the types,
 * and the members of records; single values, and lists of names, must be equal too.
 */
import type { Placeholders } from './placeholders'

export interface Comparison {
  readonly names: Placeholders
  /** The recorder cut this answer down: only what it kept is looked for. */
  readonly isTrimmed: boolean
  /** The result is a new session: its name may have meant an older one. */
  readonly isLogin: boolean
}

/** What differs, or undefined. */
export function differenceOf(by: Comparison, recorded: unknown, ours: unknown): string | undefined {
  const [given, got] = [resultOf(recorded), resultOf(ours)]
  if (by.isLogin && typeof given === 'string' && typeof got === 'string') {
    by.names.bind(given, got)
    return undefined
  }
  if (typeof recorded !== 'object' || recorded === null) return scalar(by, recorded, ours, '')
  if ('error' in recorded && recorded.error !== null) return exact(by, recorded.error, errorOf(ours), 'error')
  const [theirs, mine] = [resultOf(recorded), resultOf(ours)]
  if (mine === NONE) return `an error instead of a result: ${JSON.stringify(errorOf(ours))}`
  if (Array.isArray(theirs) && theirs.every((each) => typeof each === 'string')) return sameSet(by, theirs, mine)
  return typeof theirs === 'object' ? shape(by, theirs, mine, 'result') : scalar(by, theirs, mine, 'result')
}

const NONE = Symbol('no result')

function resultOf(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null && 'result' in answer && !('error' in answer && answer.error !== null)
    ? answer.result
    : NONE
}

function errorOf(answer: unknown): unknown {
  return typeof answer === 'object' && answer !== null && 'error' in answer ? answer.error : answer
}

const differs = (path: string, recorded: unknown, ours: unknown): string =>
  `${path}: recorded ${brief(recorded)}, ours ${brief(ours)}`
const brief = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value)).slice(0, 300)

function scalar({ names }: Comparison, recorded: unknown, ours: unknown, path: string): string | undefined {
  if (typeof recorded !== 'string') return recorded === ours ? undefined : differs(path, recorded, ours)
  // "(n records)" and the like stand for what was too long to keep.
  if (/^\((?:list of )?\d+ \w+/u.test(recorded)) return undefined
  return typeof ours === 'string' && names.matches(recorded, ours) ? undefined : differs(path, recorded, ours)
}

function exact(by: Comparison, recorded: unknown, ours: unknown, path: string): string | undefined {
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours) || ours.length !== recorded.length) return differs(path, recorded, ours)
    return first(recorded.map((each, index) => exact(by, each, ours[index], `${path}[${index}]`)))
  }
  if (typeof recorded !== 'object' || recorded === null) return scalar(by, recorded, ours, path)
  return members(recorded, ours, path, (member, mine, at) => exact(by, member, mine, at))
}

/** The order of sets means nothing. */
function sameSet({ names }: Comparison, recorded: readonly string[], ours: unknown): string | undefined {
  if (!Array.isArray(ours) || ours.length !== recorded.length) return differs('result', recorded, ours)
  const left: unknown[] = [...(ours as readonly unknown[])]
  const known = recorded.filter((each) => left.includes(names.fill(each).value))
  for (const each of known) left.splice(left.indexOf(names.fill(each).value), 1)
  const rest = recorded.filter((each) => !known.includes(each))
  const isSame = rest.every((each, index) => typeof left[index] === 'string' && names.matches(each, left[index]))
  return isSame ? undefined : differs('result', recorded, ours)
}

function shape(by: Comparison, recorded: unknown, ours: unknown, path: string): string | undefined {
  if (recorded === null && by.isTrimmed) return undefined
  if (typeof recorded === 'string' && typeof ours === 'string') {
    // Names that are not bound yet get their meaning here; a name with another meaning in its place is no matter of shape.
    by.names.matches(recorded, ours)
    return undefined
  }
  if (Array.isArray(recorded)) {
    if (!Array.isArray(ours)) return differs(path, recorded, ours)
    if (path.endsWith('.events') && (recorded.length === 0) !== (ours.length === 0)) return differs(path, recorded, ours)
    const [example] = ours as readonly unknown[]
    return example === undefined || recorded.length === 0 ? undefined : shape(by, recorded[0], example, `${path}[0]`)
  }
  if (typeof recorded !== typeof ours || recorded === null) return differs(path, recorded, ours)
  if (typeof recorded !== 'object') return undefined
  if (isMap(recorded, ours)) return undefined
  return members(recorded, ours, path, (member, mine, at) => shape(by, member, mine, at), by.isTrimmed)
}

/** Maps have whatever keys they have; records have the members of their class, of which the uuid is one. */
function isMap(recorded: object, ours: unknown): boolean {
  const isRecord = ['uuid', 'events', 'snapshot', 'power_state', 'argv', 'name_label', 'allowed_operations'].some(
    (name) => name in recorded,
  )
  return !isRecord && typeof ours === 'object' && ours !== null && !Array.isArray(ours)
}

function members(
  recorded: object,
  ours: unknown,
  path: string,
  compare: (member: unknown, ours: unknown, path: string) => string | undefined,
  isPart = false,
): string | undefined {
  if (typeof ours !== 'object' || ours === null || Array.isArray(ours)) return differs(path, recorded, ours)
  const mine: Readonly<Record<string, unknown>> = { ...ours }
  const lacking = Object.entries(recorded)
    .filter(([name, value]) => !(name in mine) && !(isPart && value === null))
    .map(([name]) => name)
  const added = isPart ? [] : Object.keys(mine).filter((name) => !(name in recorded))
  if (lacking.length > 0) return `${path}: ours lacks ${lacking.join(', ')}`
  if (added.length > 0) return `${path}: only ours has ${added.join(', ')}`
  return first(Object.entries(recorded).map(([name, member]) => compare(member, mine[name], `${path}.${name}`)))
}

const first = (differences: readonly (string | undefined)[]): string | undefined => differences.find((each) => each !== undefined)
