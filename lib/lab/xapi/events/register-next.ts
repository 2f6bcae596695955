/** The old event.register and event.next: the server remembers what each session listens to and how far it has come. */
import { createHash } from 'node:crypto'
import type { Ref, Value } from '../../contract'
import { ApiError } from '../../contract'
import type { PoolDatabase } from '../database/database'
import { missedSince } from './batch'
import type { Token } from './subscription'
import { Subscription } from './subscription'
import { changeOf } from './wait'

interface Listener {
  classes: string[]
  token: Token
}

export class RegisteredListeners {
  private readonly listeners = new Map<Ref, Listener>()
  private lastId = 0

  constructor(private readonly db: PoolDatabase) {
    db.onChange((cls, ref) => {
      if (cls === 'session' && !db.exists(cls, ref)) this.listeners.delete(ref)
    })
  }

  currentId(): number {
    return this.lastId
  }

  register(session: Ref, classes: readonly string[]): void {
    const known = this.listeners.get(session)
    if (known !== undefined) known.classes = [...known.classes, ...classes]
    else this.listeners.set(session, { classes: [...classes], token: this.now() })
  }

  unregister(session: Ref, classes: readonly string[]): void {
    const known = this.listeners.get(session)
    if (known === undefined) return
    known.classes = classes.includes('*') ? [] : known.classes.filter((each) => !classes.includes(each))
  }

  async next(session: Ref): Promise<Value> {
    const listener = this.listeners.get(session)
    if (listener === undefined)
      throw new ApiError('SESSION_NOT_REGISTERED', `trackid=${createHash('md5').update(session).digest('hex')}`)
    for (;;) {
      const wanted = new Subscription(listener.classes)
      const { events } = missedSince(this.db, wanted, listener.token)
      listener.token = this.now()
      if (events.length > 0)
        return events.map((event) => ({ ...event, id: String(++this.lastId), timestamp: `${Math.floor(Date.now() / 1000)}.` }))
      await changeOf(this.db, wanted, session, -1)
    }
  }

  private now(): Token {
    return { objects: this.db.generation, messages: this.db.messageGeneration }
  }
}
