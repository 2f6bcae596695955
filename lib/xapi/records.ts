export const NULL_REF = 'OpaqueRef:NULL'

/** XAPI said something that its own data model does not allow. */
export class OddAnswer extends Error {
  override readonly name = 'OddAnswer'
}

/** One record of XAPI, read field by field: a missing field or a wrong type is the pool's bug and says which. */
export class XapiRecord {
  constructor(
    readonly cls: string,
    readonly ref: string,
    private readonly fields: Readonly<Record<string, unknown>>,
  ) {}

  text(field: string): string {
    const value = this.fields[field]
    if (typeof value !== 'string') throw this.odd(field, 'a text')
    return value
  }

  /** XAPI's ints are numbers in JSON and decimal texts in XML-RPC. */
  int(field: string): number {
    const value = this.fields[field]
    const number = typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value
    if (typeof number !== 'number' || !Number.isFinite(number)) throw this.odd(field, 'a number')
    return number
  }

  bool(field: string): boolean {
    const value = this.fields[field]
    if (typeof value !== 'boolean') throw this.odd(field, 'a boolean')
    return value
  }

  texts(field: string): readonly string[] {
    const value = this.fields[field]
    if (!isTexts(value)) throw this.odd(field, 'a set of texts')
    return value
  }

  /** Of a field that came with a later release: empty where there is none. */
  setOrNone(field: string): readonly string[] {
    return this.fields[field] === undefined ? [] : this.texts(field)
  }

  map(field: string): Readonly<Record<string, string>> {
    const value = this.fields[field]
    if (!isObject(value)) throw this.odd(field, 'a map')
    const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
    if (entries.length !== Object.keys(value).length) throw this.odd(field, 'a map of texts')
    return Object.fromEntries(entries)
  }

  private odd(field: string, wanted: string): OddAnswer {
    return new OddAnswer(`${this.cls}.${field} of ${this.ref} is not ${wanted}`)
  }
}

/** Records by class (lower case, as events name them) and reference. */
export type RecordTables = ReadonlyMap<string, ReadonlyMap<string, XapiRecord>>

/** The answer of event.from, checked. */
export interface EventBatch {
  readonly token: string
  readonly events: readonly ObjectEvent[]
  /** Number of live objects per class. */
  readonly counts: Readonly<Record<string, number>>
}

export interface ObjectEvent {
  readonly cls: string
  readonly ref: string
  /** Null when the object is gone. */
  readonly record: XapiRecord | null
}

export function readBatch(value: unknown): EventBatch {
  if (!isObject(value)) throw new OddAnswer('event.from answered no struct')
  const { token, events, valid_ref_counts: counts } = value
  if (typeof token !== 'string' || !Array.isArray(events) || !isObject(counts)) {
    throw new OddAnswer('event.from answered a struct of another shape')
  }
  return {
    token,
    events: events.map(readEvent),
    counts: Object.fromEntries(Object.entries(counts).map(([cls, count]) => [cls.toLowerCase(), Number(count)])),
  }
}

function readEvent(event: unknown): ObjectEvent {
  if (!isObject(event) || typeof event['class'] !== 'string' || typeof event['ref'] !== 'string') {
    throw new OddAnswer('event.from answered an event without class or ref')
  }
  const { class: name, ref, operation, snapshot } = event
  const cls = name.toLowerCase()
  const gone = operation === 'del' || !isObject(snapshot)
  return { cls, ref, record: gone ? null : new XapiRecord(cls, ref, snapshot) }
}

/** The tables after a batch; unchanged classes are shared with the tables before. */
export function applyBatch(tables: RecordTables, events: readonly ObjectEvent[]): RecordTables {
  const next = new Map(tables)
  for (const cls of new Set(events.map((event) => event.cls))) {
    const table = new Map(tables.get(cls))
    for (const event of events.filter((candidate) => candidate.cls === cls)) {
      if (event.record === null) table.delete(event.ref)
      else table.set(event.ref, event.record)
    }
    next.set(cls, table)
  }
  return next
}

/** Classes whose number of records is not what XAPI says it is: an event was lost (XAPI remembers only so many deletions). */
export const miscounted = (tables: RecordTables, counts: EventBatch['counts'], classes: readonly string[]): string[] =>
  classes.filter((cls) => counts[cls] !== undefined && counts[cls] !== (tables.get(cls)?.size ?? 0))

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((element) => typeof element === 'string')
