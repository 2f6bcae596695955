/** <class>-param-get, -set, -add, -remove, -clear and -list. */
import type { Value } from '../contract'
import { isRecord, list, text } from '../values'
import type { XeArguments } from './arguments'
import type { XeClass } from './classes'
import type { XeClient } from './client'
import type { Column } from './columns'
import { mistake, missing, XeFailure } from './failure'
import { columnNamed, listObjects } from './listing'

type Command = (client: XeClient, of: XeClass, args: XeArguments) => Promise<string>

export const PARAMETER_COMMANDS: Readonly<Record<string, Command>> = {
  'param-get': get,
  'param-set': set,
  'param-add': add,
  'param-remove': remove,
  'param-clear': clear,
  'param-list': (client, of, args) =>
    listObjects(client, of, { ...args, pairs: new Map([...args.pairs, ['params', 'all']]) }).then((out) =>
      out.replace(/\n\n$/, '\n'),
    ),
}

export function required({ pairs }: XeArguments, name: string): string {
  const value = pairs.get(name)
  if (value === undefined) throw missing(name)
  return value
}

async function self(client: XeClient, { cls }: XeClass, args: XeArguments): Promise<string> {
  return text(await client.call(`${cls}.get_by_uuid`, required(args, 'uuid')))
}

/** A getter exists for every field but those of messages. */
const read = (client: XeClient, { cls }: XeClass, ref: string, column: Column): Promise<Value> =>
  client.call(`${cls}.get_${column.field.name}`, ref)

async function get(client: XeClient, of: XeClass, args: XeArguments): Promise<string> {
  const ref = await self(client, of, args)
  const name = required(args, 'param-name')
  const column = columnNamed(of.cls, name)
  if (column === undefined) throw new XeFailure(`Error code: Missing parameter\nError parameters: ${name}\n`)
  const value = await read(client, of, ref, column)
  const key = args.pairs.get('param-key')
  if (key === undefined) return `${await column.print(client, value)}\n`
  const member = isRecord(value) ? value[key] : undefined
  if (member === undefined) throw mistake(`Key ${key} not found in map`)
  return `${text(member)}\n`
}

async function set(client: XeClient, of: XeClass, args: XeArguments): Promise<string> {
  const ref = await self(client, of, args)
  for (const [name, value] of args.pairs) {
    if (name === 'uuid') continue
    const [first, key] = name.split(/:(.*)/s)
    const column = columnNamed(of.cls, first ?? '')
    if (column === undefined) throw mistake(`Unknown field '${name}'`)
    const { field } = column
    if (key !== undefined && field.type.kind === 'map') {
      await client.call(`${of.cls}.remove_from_${field.name}`, ref, key)
      await client.call(`${of.cls}.add_to_${field.name}`, ref, key, value)
    } else if (field.type.kind === 'map' || field.type.kind === 'set') {
      throw mistake(`Field '${name}' is a map or set. use the 'name:key=value' syntax.`)
    } else await setField(client, of, ref, column, value)
  }
  return ''
}

async function setField(client: XeClient, { cls }: XeClass, ref: string, { name, field }: Column, value: string): Promise<void> {
  const methods = list(await client.call('system.listMethods'))
  if (!methods.includes(`${cls}.set_${field.name}`)) throw mistake(`Field '${name}' is read-only.`)
  await client.call(`${cls}.set_${field.name}`, ref, await typedValue(client, field.type, value))
}

async function typedValue(client: XeClient, type: Column['field']['type'], value: string): Promise<Value> {
  if (type.kind === 'bool') return value === 'true' || value === '1'
  if (type.kind === 'ref') return value === '' ? 'OpaqueRef:NULL' : client.call(`${type.name}.get_by_uuid`, value)
  return value
}

async function add(client: XeClient, of: XeClass, args: XeArguments): Promise<string> {
  const ref = await self(client, of, args)
  const column = named(of, args)
  const { field } = column
  if (field.type.kind === 'set') {
    const key = args.pairs.get('param-key')
    if (key === undefined) {
      throw mistake('When adding a key to a set, use the syntax: *-param-add param-name=<name> param-key=<key>')
    }
    await client.call(`${of.cls}.add_${field.name}`, ref, key)
    return ''
  }
  for (const [key, value] of args.pairs) {
    if (key !== 'uuid' && key !== 'param-name') await client.call(`${of.cls}.add_to_${field.name}`, ref, key, value)
  }
  return ''
}

async function remove(client: XeClient, of: XeClass, args: XeArguments): Promise<string> {
  const ref = await self(client, of, args)
  const column = named(of, args)
  const key = required(args, 'param-key')
  const value = await read(client, of, ref, column)
  if (Array.isArray(value)) {
    if (!value.includes(key)) throw mistake(`Key ${key} is not in the set`)
    await client.call(`${of.cls}.remove_${column.field.name}`, ref, key)
  } else {
    if (!isRecord(value) || !(key in value)) throw mistake(`Key ${key} is not in map`)
    await client.call(`${of.cls}.remove_from_${column.field.name}`, ref, key)
  }
  return ''
}

async function clear(client: XeClient, of: XeClass, args: XeArguments): Promise<string> {
  const ref = await self(client, of, args)
  const column = named(of, args)
  const { kind } = column.field.type
  await client.call(`${of.cls}.set_${column.field.name}`, ref, kind === 'map' ? {} : kind === 'set' ? [] : '')
  return ''
}

function named({ cls }: XeClass, args: XeArguments): Column {
  const name = required(args, 'param-name')
  const column = columnNamed(cls, name)
  if (column === undefined) throw mistake(`Unknown field '${name}'`)
  return column
}
