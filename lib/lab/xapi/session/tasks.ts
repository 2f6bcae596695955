/** Tasks: what an Async call answers at once, and how its end is recorded. */
import type { Ref, Value } from '../../contract'
import { ApiError, NULL_REF } from '../../contract'
import { dateText, NEVER, text } from '../../values'
import type { PoolDatabase } from '../database/database'
import type { Type } from '../schema/type'
import { writeValue } from '../wire/xml-rpc'

const COMPLETED_MAX = 200

export class Tasks {
  constructor(private readonly db: PoolDatabase) {}

  begin(label: string, description: string, host: Ref, allowed: readonly string[] = []): Ref {
    this.forgetOldest()
    return this.db.create('task', {
      name_label: label,
      name_description: description,
      created: dateText(new Date()),
      finished: NEVER,
      status: 'pending',
      resident_on: host,
      progress: 0,
      type: '<none/>',
      result: '',
      error_info: [],
      allowed_operations: [...allowed],
      subtask_of: NULL_REF,
    })
  }

  /** The result is kept as the XML of its value. */
  succeed(task: Ref, result: Value, type: Type | undefined): void {
    this.end(task, { status: 'success', result: writeValue(result, type), progress: 1 })
  }

  fail(task: Ref, error: ApiError): void {
    this.end(task, { status: 'failure', error_info: [error.code, ...error.params], progress: 1 })
  }

  private end(task: Ref, fields: { [field: string]: Value }): void {
    if (!this.db.exists('task', task)) return
    const all = { ...fields, allowed_operations: [], finished: dateText(new Date()) }
    for (const [field, value] of Object.entries(all)) this.db.set('task', task, field, value)
  }

  private forgetOldest(): void {
    const done = this.db.refs('task').filter((ref) => text(this.db.get('task', ref, 'status')) !== 'pending')
    for (const ref of done.slice(0, Math.max(0, done.length - COMPLETED_MAX + 1))) this.db.destroy('task', ref)
  }
}
