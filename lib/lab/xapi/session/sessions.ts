/** Sessions of the coordinator: objects of the database that last until logout, a day of idleness, or too many others. */
import type { Ref } from '../../contract'
import { ApiError, NULL_REF } from '../../contract'
import { dateText, text } from '../../values'
import type { PoolDatabase } from '../database/database'

const IDLE_MAX_MS = 24 * 60 * 60 * 1000
const PER_ORIGINATOR_MAX = 500

export interface NewSession {
  readonly host: Ref
  readonly user: string
  readonly originator: string
  /** Made by one host's xapi for work it does for another session. */
  readonly parent?: Ref
}

export class Sessions {
  private readonly lastCall = new Map<Ref, number>()

  constructor(private readonly db: PoolDatabase) {}

  open({ host, user, originator, parent }: NewSession): Ref {
    const now = dateText(new Date())
    const ref = this.db.create('session', {
      this_host: host,
      this_user: NULL_REF,
      last_active: now,
      validation_time: now,
      pool: parent !== undefined,
      is_local_superuser: true,
      auth_user_name: user,
      originator,
      parent: parent ?? NULL_REF,
    })
    this.lastCall.set(ref, Date.now())
    if (parent === undefined) this.evict(originator)
    return ref
  }

  /** Throws SESSION_INVALID; otherwise the session counts as used now. */
  check(ref: Ref): void {
    if (!this.isValid(ref)) throw new ApiError('SESSION_INVALID', ref)
    this.lastCall.set(ref, Date.now())
    this.db.set('session', ref, 'last_active', dateText(new Date()))
  }

  isValid(ref: Ref): boolean {
    if (!this.db.exists('session', ref)) return false
    if (Date.now() - (this.lastCall.get(ref) ?? 0) <= IDLE_MAX_MS) return true
    this.close(ref)
    return false
  }

  close(ref: Ref): void {
    this.lastCall.delete(ref)
    if (this.db.exists('session', ref)) this.db.destroy('session', ref)
  }

  /** Over the cap the one that has been idle longest goes. */
  private evict(originator: string): void {
    const same = this.db.refs('session').filter((ref) => text(this.db.get('session', ref, 'originator')) === originator)
    if (same.length <= PER_ORIGINATOR_MAX) return
    const [oldest] = same.sort((a, b) => (this.lastCall.get(a) ?? 0) - (this.lastCall.get(b) ?? 0))
    if (oldest !== undefined) this.close(oldest)
  }
}
