/** What a listener wants and how far it has come: classes or single objects, and XAPI's token of two generations. */
import { ApiError } from '../../contract'
import type { PoolDatabase } from '../database/database'

export interface Token {
  readonly objects: number
  readonly messages: number
}

export function readToken(text: string): Token {
  if (text === '') return { objects: 0, messages: 0 }
  const match = /^(-?\d+),(-?\d+)$/.exec(text)
  if (match === null) throw new ApiError('EVENT_FROM_TOKEN_PARSE_FAILURE', text)
  return { objects: Number(match[1]), messages: Number(match[2]) }
}

const DIGITS = 20
export const writeToken = ({ objects, messages }: Token): string =>
  `${String(objects).padStart(DIGITS, '0')},${String(messages).padStart(DIGITS, '0')}`

/** These change with every call and are told to nobody. */
const SILENT = new Set(['session', 'event', 'role'])

export class Subscription {
  private readonly wholeClasses: ReadonlySet<string>
  private readonly single: ReadonlyMap<string, ReadonlySet<string>>
  private readonly isAll: boolean

  /** `*`, a class name in any case, or `class/ref`; what names nothing is waited for in vain. */
  constructor(wanted: readonly string[]) {
    this.isAll = wanted.includes('*')
    this.wholeClasses = new Set(wanted.map((each) => each.toLowerCase()).filter((each) => !each.includes('/')))
    const single = new Map<string, Set<string>>()
    for (const each of wanted) {
      const slash = each.indexOf('/')
      if (slash < 0) continue
      const cls = each.slice(0, slash).toLowerCase()
      single.set(cls, (single.get(cls) ?? new Set<string>()).add(each.slice(slash + 1)))
    }
    this.single = single
  }

  classes(db: PoolDatabase): string[] {
    const named = (cls: string): boolean =>
      this.isAll || this.wholeClasses.has(cls.toLowerCase()) || this.single.has(cls.toLowerCase())
    const wanted = db.classes().filter((cls) => !SILENT.has(cls) && named(cls))
    return [...wanted.filter((cls) => cls === 'message'), ...wanted.filter((cls) => cls !== 'message')]
  }

  includes(cls: string, ref: string): boolean {
    if (SILENT.has(cls)) return false
    const name = cls.toLowerCase()
    return this.isAll || this.wholeClasses.has(name) || (this.single.get(name)?.has(ref) ?? false)
  }
}
