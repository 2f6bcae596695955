import type { Ref } from '../../contract'
import { ApiError } from '../../contract'
import type { PoolDatabase } from '../database/database'
import type { Subscription } from './subscription'

/** A change is told this long after it, so that what changes in the same breath is seen together. */
const WAKE_MS = 2

/** True when something wanted has changed, false after timeoutMs (never, when negative). The end of the session is an error. */
export function changeOf(db: PoolDatabase, wanted: Subscription, session: Ref, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    let wake: NodeJS.Timeout | undefined
    const finish = (settle: () => void): void => {
      stop()
      clearTimeout(wake)
      clearTimeout(limit)
      settle()
    }
    const limit = timeoutMs < 0 ? undefined : setTimeout(() => finish(() => resolve(false)), timeoutMs)
    const stop = db.onChange((cls, ref) => {
      if (cls === 'session' && ref === session && !db.exists(cls, ref)) {
        finish(() => reject(new ApiError('SESSION_INVALID', session)))
      } else if (wanted.includes(cls, ref)) wake ??= setTimeout(() => finish(() => resolve(true)), WAKE_MS)
    })
  })
}
