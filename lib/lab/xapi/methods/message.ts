/** Alerts. They are no objects with fields: there are no getters of single fields. */
import { ApiError } from '../../contract'
import type { Ref, Value } from '../../contract'
import { dateText, int, text, texts } from '../../values'
import type { XapiCall, XapiMethodTable } from '../call/method'

const SELF = ['self', 'message ref'] as const
const RECORDS = '(message ref -> message record) map'
/** Class of the message to class of the database. */
const CLASS_OF: Readonly<Record<string, string>> = { Host: 'host', Pool: 'pool' }

export const messageMethods: XapiMethodTable = {
  'message.create': {
    params: [
      ['name', 'string'],
      ['priority', 'int'],
      ['cls', 'enum cls'],
      ['obj_uuid', 'string'],
      ['body', 'string'],
    ],
    run: ({ db }, [name, priority, cls, uuid, body]) => {
      const of = CLASS_OF[text(cls)] ?? text(cls)
      if (!db.classes().includes(of) || db.byUuid(of, text(uuid)) === undefined)
        throw new ApiError('UUID_INVALID', text(cls), text(uuid))
      const fields = { name: text(name), priority: int(priority), cls: text(cls), obj_uuid: text(uuid), body: text(body) }
      return db.create('message', { ...fields, timestamp: dateText(new Date()) })
    },
  },
  'message.destroy': {
    params: [SELF],
    run: ({ db }, [self]) => {
      db.destroy('message', text(self))
      return ''
    },
  },
  'message.destroy_many': {
    params: [['messages', 'message ref set']],
    run: ({ db }, [messages]) => {
      for (const each of texts(messages)) db.destroy('message', each)
      return ''
    },
  },
  'message.get_all': { params: [], syncOnly: true, run: ({ db }) => [...db.refs('message')].reverse() },
  'message.get_all_records': { params: [], result: RECORDS, syncOnly: true, run: (call) => since(call, '') },
  'message.get_record': {
    params: [SELF],
    result: 'message record',
    syncOnly: true,
    run: ({ db }, [self]) => db.record('message', text(self)),
  },
  'message.get_since': {
    params: [['since', 'datetime']],
    result: RECORDS,
    syncOnly: true,
    run: (call, [date]) => since(call, text(date)),
  },
  'message.get': {
    params: [
      ['cls', 'enum cls'],
      ['obj_uuid', 'string'],
      ['since', 'datetime'],
    ],
    result: RECORDS,
    syncOnly: true,
    run: (call, [cls, uuid, date]) => since(call, text(date), (each) => each['cls'] === cls && each['obj_uuid'] === uuid),
  },
}

type Fields = { [field: string]: Value }

/** Newest first. */
function since({ db }: XapiCall, date: string, wanted: (fields: Fields) => boolean = () => true): { [ref: Ref]: Value } {
  const from = date.replaceAll('-', '')
  const all = [...db.refs('message')].reverse().map((ref) => [ref, db.record('message', ref)] as const)
  return Object.fromEntries(all.filter(([, fields]) => text(fields['timestamp']) >= from && wanted(fields)))
}
