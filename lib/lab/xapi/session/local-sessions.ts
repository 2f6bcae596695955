/** Sessions that one host keeps by itself, in memory: they work while the coordinator is gone. */
import { randomUUID } from 'node:crypto'
import type { Ref } from '../../contract'
import { ApiError } from '../../contract'
import { stringParameter } from '../call/incoming'
import { checkPassword } from './password'

export class LocalSessions {
  private readonly open = new Set<Ref>()

  constructor(private readonly rootPassword: string) {}

  login(params: readonly unknown[], isPreauthenticated: boolean): Ref {
    if (params.length !== 2) {
      throw new ApiError(
        'MESSAGE_PARAMETER_COUNT_MISMATCH',
        'session.slave_local_login_with_password',
        '2',
        String(params.length),
      )
    }
    const [user, password] = params.map(stringParameter)
    if (!isPreauthenticated) checkPassword(user ?? '', password ?? '', this.rootPassword)
    const ref = `OpaqueRef:${randomUUID()}`
    this.open.add(ref)
    return ref
  }

  has(ref: unknown): ref is Ref {
    return typeof ref === 'string' && this.open.has(ref)
  }

  logout(ref: unknown): void {
    if (!this.has(ref)) throw new ApiError('SESSION_INVALID', stringParameter(ref))
    this.open.delete(ref)
  }
}
