/** The names that stand in a recording for what differs from pool to pool; each is bound to ours when it is first seen. */

const NAME = /\$[A-Za-z_][\w#]*(?:\.uuid)?/gu
/** These stand for a different thing each time. */
const LOOSE = new Set(['$time', '$trackid'])
/** What was deliberately wrong in the recording. */
const BAD = new Map([
  ['$ref2', 'OpaqueRef:00000000-dead-beef-0000-000000000000'],
  ['$uuid4', '00000000-dead-beef-0000-000000000000'],
])

export class Placeholders {
  private readonly bound = new Map(BAD)

  bind(name: string, value: string): void {
    this.bound.set(name, value)
  }

  /** Everything bound put in place; the names that are not bound yet are told. */
  fill(value: unknown): { value: unknown; unbound: string[] } {
    const unbound: string[] = []
    const text = (words: string): string =>
      words.replace(NAME, (name) => {
        const known = this.bound.get(name)
        if (known === undefined) unbound.push(name)
        return known ?? name
      })
    const walk = (each: unknown): unknown => {
      if (typeof each === 'string') return text(each)
      if (Array.isArray(each)) return each.map(walk)
      if (typeof each !== 'object' || each === null) return each
      return Object.fromEntries(Object.entries(each).map(([key, member]) => [text(key), walk(member)]))
    }
    return { value: walk(value), unbound }
  }

  /** Whether a text of ours is what the recording has; names not bound yet are bound by it. */
  matches(recorded: string, ours: string): boolean {
    if (recorded === ours) return true
    const names = [...recorded.matchAll(NAME)].map(([name]) => name)
    if (names.length === 0) return false
    const pattern = recorded
      .split(NAME)
      .map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&'))
      .reduce((built, piece, index) => `${built}${this.pattern(names[index - 1] ?? '')}${piece}`)
    const found = new RegExp(`^${pattern}$`, 'su').exec(ours)
    if (found === null) return false
    let group = 1
    for (const name of names) {
      if (this.bound.has(name)) continue
      const value = found[group++]
      if (value !== undefined && !LOOSE.has(name)) this.bound.set(name, value)
    }
    return true
  }

  /** Bound: the value itself. Unbound: anything without spaces or markup. */
  private pattern(name: string): string {
    const known = this.bound.get(name)
    return known === undefined ? '([^\\s<>"]+?)' : known.replace(/[.*+?^${}()|[\]\\]/gu, '\\$&')
  }
}
