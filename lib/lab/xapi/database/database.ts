/**
 * The pool's database. Every change takes the next generation; a row remembers the generations of its creation and of its last
 * change, and a destroyed one leaves its name behind. What a listener has missed since generation G is computed from that, so
 * several changes to one object are one event by construction. Messages are counted apart, as in XAPI's event tokens.
 */
import { randomUUID } from 'node:crypto'
import type { Database, Ref, Value } from '../../contract'
import { ApiError } from '../../contract'
import type { ClassSchema, Field } from '../schema/schema'
import { CLASSES, EMPTY_CLASSES } from '../schema/schema'
import { BackReferences } from './back-references'
import { sameValue } from './same-value'
import { storable } from './storable'

export interface Row {
  readonly values: Map<string, Value>
  created: number
  changed: number
}

/** Destroyed objects are remembered this many per class; who slept longer sees it in valid_ref_counts. */
const GRAVES_MAX = 512

export interface Grave {
  readonly ref: Ref
  readonly created: number
  readonly destroyed: number
}

export type Change = 'add' | 'mod' | 'del'

export class PoolDatabase implements Database {
  private readonly tables = new Map<string, Map<Ref, Row>>([...CLASSES.keys()].map((cls) => [cls, new Map()]))
  private readonly graves = new Map<string, Grave[]>()
  private readonly lastChanges = new Map<string, number>()
  private readonly uuids = new Map<string, Ref>()
  private readonly back = new BackReferences()
  private readonly listeners = new Set<(cls: string, ref: Ref) => void>()
  generation = 0
  messageGeneration = 0

  classes(): readonly string[] {
    return [...CLASSES.keys()]
  }

  exists(cls: string, ref: Ref): boolean {
    return this.tables.get(cls)?.has(ref) ?? false
  }

  refs(cls: string): readonly Ref[] {
    return [...this.table(cls).keys()]
  }

  get(cls: string, ref: Ref, field: string): Value {
    const row = this.row(cls, ref)
    return this.back.read(cls, ref, field) ?? this.stored(row, this.field(cls, field))
  }

  record(cls: string, ref: Ref): { [field: string]: Value } {
    const row = this.row(cls, ref)
    return Object.fromEntries(
      [...this.schema(cls).fields.values()].map((field) => [
        field.name,
        this.back.read(cls, ref, field.name) ?? this.stored(row, field),
      ]),
    )
  }

  create(cls: string, fields: { [field: string]: Value }, ref: Ref = `OpaqueRef:${randomUUID()}`): Ref {
    if (this.exists(cls, ref)) throw new Error(`${cls} ${ref} exists already`)
    const given = fields['uuid']
    const uuid = typeof given === 'string' ? given : randomUUID()
    const values = new Map<string, Value>(
      Object.entries({ ...fields, uuid }).filter(([name]) => !this.back.isComputed(cls, name)),
    )
    for (const [name, value] of values) {
      this.field(cls, name)
      values.set(name, storable(value))
    }
    const now = this.next(cls)
    this.table(cls).set(ref, { values, created: now, changed: now })
    this.uuids.set(`${cls}/${uuid}`, ref)
    for (const [name, value] of values) this.point(cls, ref, name, undefined, value, now)
    this.tell(cls, ref)
    return ref
  }

  /** Setting the value a field already has changes nothing and raises no event. */
  set(cls: string, ref: Ref, field: string, given: Value): void {
    const value = storable(given)
    const row = this.row(cls, ref)
    if (this.back.isComputed(cls, field)) throw new Error(`${cls}.${field} is computed`)
    const old = this.stored(row, this.field(cls, field))
    if (sameValue(old, value)) return
    const now = this.next(cls)
    row.values.set(field, value)
    row.changed = now
    this.point(cls, ref, field, old, value, now)
    this.tell(cls, ref)
  }

  destroy(cls: string, ref: Ref): void {
    const row = this.row(cls, ref)
    const now = this.next(cls)
    this.table(cls).delete(ref)
    const uuid = row.values.get('uuid')
    if (typeof uuid === 'string') this.uuids.delete(`${cls}/${uuid}`)
    for (const [name, value] of row.values) this.point(cls, ref, name, value, undefined, now)
    const graves = this.graves.get(cls) ?? []
    graves.push({ ref, created: row.created, destroyed: now })
    if (graves.length > GRAVES_MAX) graves.shift()
    this.graves.set(cls, graves)
    this.tell(cls, ref)
  }

  byUuid(cls: string, uuid: string): Ref | undefined {
    return this.uuids.get(`${cls}/${uuid}`)
  }

  /** Marks an object as changed without changing it (event.inject). Answers the generation. */
  touch(cls: string, ref: Ref): number {
    const row = this.row(cls, ref)
    row.changed = this.next(cls)
    this.tell(cls, ref)
    return row.changed
  }

  /** Objects of a class that were added, changed or destroyed after a generation, oldest change first. */
  since(cls: string, generation: number): { ref: Ref; change: Change; at: number }[] {
    const living = [...(this.tables.get(cls) ?? [])]
      .filter(([, row]) => row.changed > generation)
      .map(([ref, row]) => ({ ref, change: row.created > generation ? ('add' as const) : ('mod' as const), at: row.changed }))
    // Born and dead while nobody looked: no event. Messages differ: their end is told even to who never saw them.
    const dead = (this.graves.get(cls) ?? [])
      .filter(({ created, destroyed }) => destroyed > generation && (created <= generation || cls === 'message'))
      .map(({ ref, destroyed }) => ({ ref, change: 'del' as const, at: destroyed }))
    return [...living, ...dead].sort((a, b) => a.at - b.at)
  }

  /** The generation of the class's last change of any kind. */
  lastChange(cls: string): number {
    return this.lastChanges.get(cls) ?? 0
  }

  /** Number of objects per class, lower-case, all classes of the API. */
  counts(): { [cls: string]: number } {
    const counts: { [cls: string]: number } = {}
    for (const cls of EMPTY_CLASSES) counts[cls.toLowerCase()] = 0
    for (const [cls, rows] of this.tables) counts[cls.toLowerCase()] = cls === 'message' || cls === 'role' ? 0 : rows.size
    return counts
  }

  /** Calls the listener after every change; answers the way to stop. */
  onChange(listener: (cls: string, ref: Ref) => void): () => void {
    this.listeners.add(listener)
    return () => {
      this.listeners.delete(listener)
    }
  }

  /** Rows as stored, for the state file; computed fields are left out. */
  *rows(): Generator<{ cls: string; ref: Ref; values: { [field: string]: Value } }> {
    for (const [cls, table] of this.tables)
      for (const [ref, row] of table) yield { cls, ref, values: Object.fromEntries(row.values) }
  }

  private tell(cls: string, ref: Ref): void {
    for (const listener of [...this.listeners]) listener(cls, ref)
  }

  private next(cls: string): number {
    const now = cls === 'message' ? ++this.messageGeneration : ++this.generation
    this.lastChanges.set(cls, now)
    return now
  }

  private point(cls: string, ref: Ref, field: string, old: Value | undefined, value: Value | undefined, now: number): void {
    const target = this.back.shownBy(cls, field)
    if (target === undefined) return
    const from = typeof old === 'string' ? old : undefined
    const to = typeof value === 'string' ? value : undefined
    this.back.move(cls, field, ref, from, to)
    for (const shown of [from, to]) {
      const row = shown === undefined ? undefined : this.tables.get(target)?.get(shown)
      if (row === undefined || shown === undefined) continue
      row.changed = now
      this.lastChanges.set(target, now)
      this.tell(target, shown)
    }
  }

  private stored(row: Row, field: Field): Value {
    const value = row.values.get(field.name) ?? field.fallback
    // A copy: who changes what he was given must not change the row behind the events' back.
    return typeof value === 'object' ? structuredClone(value) : value
  }

  private schema(cls: string): ClassSchema {
    const schema = CLASSES.get(cls)
    if (schema === undefined) throw new Error(`no class ${cls}`)
    return schema
  }

  private field(cls: string, name: string): Field {
    const field = this.schema(cls).fields.get(name)
    if (field === undefined) throw new Error(`no field ${cls}.${name}`)
    return field
  }

  private table(cls: string): Map<Ref, Row> {
    const table = this.tables.get(cls)
    if (table === undefined) throw new Error(`no class ${cls}`)
    return table
  }

  private row(cls: string, ref: Ref): Row {
    const row = this.table(cls).get(ref)
    if (row === undefined) throw new ApiError('HANDLE_INVALID', cls, ref)
    return row
  }
}
