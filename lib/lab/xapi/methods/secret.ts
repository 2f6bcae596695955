import { ApiError } from '../../contract'
import type { Value } from '../../contract'
import { isRecord, record, text } from '../../values'
import type { XapiMethodTable } from '../call/method'

export const secretMethods: XapiMethodTable = {
  'secret.create': {
    params: [['args', 'secret record']],
    run: ({ db }, [args]) => {
      const given = isRecord(args) ? args : {}
      return db.create('secret', { value: needed(given, 'value'), other_config: record(given['other_config'] ?? {}) })
    },
  },
  'secret.introduce': {
    params: [
      ['uuid', 'string'],
      ['value', 'string'],
      ['other_config', '(string -> string) map'],
    ],
    run: ({ db }, [uuid, value, config]) =>
      db.create('secret', { uuid: text(uuid), value: text(value), other_config: config ?? {} }),
  },
  'secret.destroy': {
    params: [['self', 'secret ref']],
    run: ({ db }, [self]) => {
      db.destroy('secret', text(self))
      return ''
    },
  },
}

function needed(given: { [field: string]: Value }, field: string): string {
  const value = given[field]
  if (value === undefined) throw new ApiError('INTERNAL_ERROR', `Server_helpers.Dispatcher_FieldNotFound("${field}")`)
  return text(value)
}
