/** event.from: answers what was missed at once, or waits for the first change. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Ref, Value } from '../../contract'
import type { PoolDatabase } from '../database/database'
import { batchValue, missedSince } from './batch'
import { readToken, Subscription } from './subscription'
import { changeOf } from './wait'

/** Real xapi takes this long over every answer that it could give at once; listeners for tasks alone are spared. */
const BATCHING_MS = 50

export async function eventsFrom(
  db: PoolDatabase,
  session: Ref,
  classes: readonly string[],
  tokenText: string,
  timeoutSeconds: number,
): Promise<Value> {
  const wanted = new Subscription(classes)
  const token = readToken(tokenText)
  const isBatched = classes.some((each) => each.toLowerCase() !== 'task') || timeoutSeconds === 0
  let missed = missedSince(db, wanted, token)
  if ((missed.events.length > 0 || timeoutSeconds === 0) && isBatched) {
    await delay(BATCHING_MS)
    return batchValue(db, missedSince(db, wanted, token))
  }
  const until = Date.now() + timeoutSeconds * 1000
  while (missed.events.length === 0) {
    const left = until - Date.now()
    if (timeoutSeconds >= 0 && left <= 0) break
    await changeOf(db, wanted, session, timeoutSeconds < 0 ? -1 : left)
    missed = missedSince(db, wanted, token)
  }
  return batchValue(db, missed)
}
