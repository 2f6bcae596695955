import type { Value } from '../../contract'
import type { PoolDatabase } from '../database/database'
import type { Subscription, Token } from './subscription'
import { writeToken } from './subscription'

export interface Batch {
  readonly events: { [field: string]: Value }[]
  readonly token: Token
}

/** Everything the listener has missed. With nothing missed its token stays. */
export function missedSince(db: PoolDatabase, wanted: Subscription, token: Token): Batch {
  const classes = wanted.classes(db)
  const events = classes.flatMap((cls) =>
    db
      .since(cls, cls === 'message' ? token.messages : token.objects)
      .filter(({ ref }) => wanted.includes(cls, ref))
      .map(({ ref, change, at }) => ({
        id: cls === 'message' ? '0' : String(at),
        timestamp: '0.0',
        class: cls.toLowerCase(),
        operation: change,
        ref,
        ...(change === 'del' ? {} : { snapshot: db.record(cls, ref) }),
      })),
  )
  if (events.length === 0) return { events, token }
  const last = Math.max(0, ...classes.filter((cls) => cls !== 'message').map((cls) => db.lastChange(cls)))
  return {
    events,
    token: {
      objects: Math.max(token.objects, last),
      messages: classes.includes('message') ? Math.max(token.messages, db.messageGeneration) : token.messages,
    },
  }
}

export const batchValue = (db: PoolDatabase, { events, token }: Batch): Value => ({
  events,
  valid_ref_counts: db.counts(),
  token: writeToken(token),
})
