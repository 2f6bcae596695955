import type { Ref } from '../../contract'
import { RELATIONS } from '../schema/relations'

const BY_MANY = new Map(RELATIONS.map((relation) => [relation.many.join('.'), relation]))
const BY_ONE = new Map(RELATIONS.map((relation) => [relation.one.join('.'), relation]))

/** Which objects point at an object, per back reference; kept up to date as the pointing fields change. */
export class BackReferences {
  private readonly pointers = new Map<string, Map<Ref, Set<Ref>>>()

  /** True for fields such as VM.VBDs. */
  isComputed(cls: string, field: string): boolean {
    return BY_ONE.has(`${cls}.${field}`)
  }

  /** Undefined when the field is not a back reference. */
  read(cls: string, ref: Ref, field: string): Ref[] | undefined {
    const key = `${cls}.${field}`
    if (!BY_ONE.has(key)) return undefined
    return [...(this.pointers.get(key)?.get(ref) ?? [])]
  }

  /** The class whose objects show a change of this field, if any. */
  shownBy(cls: string, field: string): string | undefined {
    return BY_MANY.get(`${cls}.${field}`)?.one[0]
  }

  move(cls: string, field: string, pointer: Ref, from: Ref | undefined, to: Ref | undefined): void {
    const relation = BY_MANY.get(`${cls}.${field}`)
    if (relation === undefined) return
    const key = relation.one.join('.')
    const sets = this.pointers.get(key) ?? new Map<Ref, Set<Ref>>()
    this.pointers.set(key, sets)
    if (from !== undefined) sets.get(from)?.delete(pointer)
    if (to === undefined) return
    sets.set(to, (sets.get(to) ?? new Set<Ref>()).add(pointer))
  }
}
