/** Getters, setters and lists, as they follow from the schema. */
import type { Value } from '../../contract'
import { ApiError } from '../../contract'
import { list, record, text } from '../../values'
import type { ClassSchema, Field } from '../schema/schema'
import { CLASSES } from '../schema/schema'
import { recordFilter } from './record-filter'
import type { XapiMethod, XapiMethodTable } from './method'

/** Messages have no field getters and are stored apart; sessions are not listed. */
const WITHOUT_FIELDS = new Set(['message', 'event'])

export const implicitMethods: XapiMethodTable = Object.fromEntries(
  [...CLASSES.values()].flatMap((cls) => [...lookups(cls), ...fields(cls)]),
)

function lookups(cls: ClassSchema): [string, XapiMethod][] {
  const { name, offers } = cls
  const self = [['self', `${name} ref`]] as const
  const methods: [string, XapiMethod][] = []
  if (offers.has('all')) methods.push([`${name}.get_all`, { params: [], syncOnly: true, run: ({ db }) => [...db.refs(name)] }])
  if (offers.has('records')) methods.push(...records(name))
  if (offers.has('record')) {
    methods.push(
      [
        `${name}.get_record`,
        { params: self, result: `${name} record`, syncOnly: true, run: ({ db }, [ref]) => db.record(name, text(ref)) },
      ],
      [
        `${name}.get_by_uuid`,
        {
          params: [['uuid', 'string']],
          syncOnly: true,
          run: ({ db }, [uuid]) => byUuid(db.byUuid(name, text(uuid)), name, text(uuid)),
        },
      ],
    )
  }
  if (offers.has('named')) {
    methods.push([
      `${name}.get_by_name_label`,
      {
        params: [['label', 'string']],
        syncOnly: true,
        run: ({ db }, [label]) => db.refs(name).filter((ref) => db.get(name, ref, 'name_label') === label),
      },
    ])
  }
  return methods
}

function records(name: string): [string, XapiMethod][] {
  const result = `(${name} ref -> ${name} record) map`
  return [
    [
      `${name}.get_all_records`,
      {
        params: [],
        result,
        syncOnly: true,
        run: ({ db }) => Object.fromEntries(db.refs(name).map((ref) => [ref, db.record(name, ref)])),
      },
    ],
    [
      `${name}.get_all_records_where`,
      {
        params: [['expr', 'string']],
        result,
        syncOnly: true,
        run: ({ db }, [expr]) => {
          const matches = recordFilter(text(expr))
          const all = db.refs(name).map((ref) => [ref, db.record(name, ref)] as const)
          return Object.fromEntries(all.filter(([, each]) => matches(each)))
        },
      },
    ],
  ]
}

function byUuid(ref: string | undefined, cls: string, uuid: string): Value {
  if (ref === undefined) throw new ApiError('UUID_INVALID', cls, uuid)
  return ref
}

function fields(cls: ClassSchema): [string, XapiMethod][] {
  if (WITHOUT_FIELDS.has(cls.name)) return []
  return [...cls.fields.values()].flatMap((field) => [
    [`${cls.name}.get_${field.name}`, getter(cls.name, field)] as [string, XapiMethod],
    ...(field.qualifier === 'RW' ? setters(cls.name, field) : []),
  ])
}

function getter(cls: string, field: Field): XapiMethod {
  return {
    params: [['self', `${cls} ref`]],
    result: field.typeText,
    syncOnly: true,
    run: ({ db }, [ref]) => db.get(cls, text(ref), field.name),
  }
}

/** The messages that change one field: set_, and by its shape add_to_ and remove_from_, or add_ and remove_. */
export function setters(cls: string, field: Field): [string, XapiMethod][] {
  const { name, type } = field
  const self = ['self', `${cls} ref`] as const
  const set: [string, XapiMethod] = [
    `${cls}.set_${name}`,
    {
      params: [self, ['value', field.typeText]],
      syncOnly: true,
      run: ({ db }, [ref, value]) => {
        db.set(cls, text(ref), name, value ?? '')
        return ''
      },
    },
  ]
  if (type.kind === 'map') return [set, ...mapSetters(cls, field)]
  if (type.kind === 'set') return [set, ...setSetters(cls, field)]
  return [set]
}

function mapSetters(cls: string, field: Field): [string, XapiMethod][] {
  const self = ['self', `${cls} ref`] as const
  const [, keyType, valueType] = /^\((.+?) -> (.+)\) map$/.exec(field.typeText) ?? []
  return [
    [
      `${cls}.add_to_${field.name}`,
      {
        params: [self, ['key', keyType ?? 'string'], ['value', valueType ?? 'string']],
        syncOnly: true,
        run: ({ db }, [ref, key, value]) => {
          const map = record(db.get(cls, text(ref), field.name))
          if (text(key) in map) throw new ApiError('MAP_DUPLICATE_KEY', cls, field.name, text(ref), text(key))
          db.set(cls, text(ref), field.name, { ...map, [text(key)]: value ?? '' })
          return ''
        },
      },
    ],
    [
      `${cls}.remove_from_${field.name}`,
      {
        params: [self, ['key', keyType ?? 'string']],
        syncOnly: true,
        run: ({ db }, [ref, key]) => {
          const entries = Object.entries(record(db.get(cls, text(ref), field.name)))
          db.set(cls, text(ref), field.name, Object.fromEntries(entries.filter(([each]) => each !== key)))
          return ''
        },
      },
    ],
  ]
}

function setSetters(cls: string, field: Field): [string, XapiMethod][] {
  const params = [
    ['self', `${cls} ref`],
    ['value', field.typeText.replace(/ set$/, '')],
  ] as const
  return [
    [
      `${cls}.add_${field.name}`,
      {
        params,
        syncOnly: true,
        run: ({ db }, [ref, value]) => {
          const set = list(db.get(cls, text(ref), field.name))
          if (value !== undefined && !set.includes(value)) db.set(cls, text(ref), field.name, [...set, value])
          return ''
        },
      },
    ],
    [
      `${cls}.remove_${field.name}`,
      {
        params,
        syncOnly: true,
        run: ({ db }, [ref, value]) => {
          const set = list(db.get(cls, text(ref), field.name))
          db.set(
            cls,
            text(ref),
            field.name,
            set.filter((each) => each !== value),
          )
          return ''
        },
      },
    ],
  ]
}
