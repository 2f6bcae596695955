/** <class>-list: which objects, which columns, and how they are laid out. */
import type { Value } from '../contract'
import { isRecord, list, record } from '../values'
import type { XeArguments } from './arguments'
import type { XeClass } from './classes'
import type { XeClient } from './client'
import type { Column } from './columns'
import { columnsOf, spelled } from './columns'
import { mistake } from './failure'

type Fields = { [field: string]: Value }
export interface Found {
  readonly ref: string
  readonly fields: Fields
}

const NO_FILTER: ReadonlySet<string> = new Set(['params', 'database', ''])

export async function listObjects(client: XeClient, { cls, columns }: XeClass, args: XeArguments): Promise<string> {
  const known = columnsOf(cls)
  const found = await select(client, cls, known, args)
  const wanted = args.pairs.get('params')
  const names = wanted === undefined ? [...columns] : wanted.split(',')
  const shown = wanted === 'all' ? known : names.flatMap((name) => known.filter((column) => column.name === name))
  if (args.flags.has('minimal')) return `${(await minimal(client, found, shown)).join(',')}\n`
  const blocks = await Promise.all(found.map(({ fields }) => block(client, fields, shown)))
  return blocks.map((each) => `${each}\n\n`).join('')
}

/** The objects that the filters of the command line leave. */
export async function select(client: XeClient, cls: string, known: readonly Column[], args: XeArguments): Promise<Found[]> {
  const all = Object.entries(record(await client.call(`${cls}.get_all_records`))).map(([ref, fields]) => ({
    ref,
    fields: record(fields),
  }))
  let found = cls === 'VM' ? all.filter(({ fields }) => isOrdinary(fields, args)) : all
  for (const [name, value] of args.pairs) {
    if (NO_FILTER.has(name)) continue
    const [first, key] = name.split(/:(.*)/s)
    const column = known.find((each) => each.name === first)
    if (column === undefined) throw mistake(`Unknown field '${name}'`)
    const matches = await Promise.all(found.map(({ fields }) => isMatch(client, column, fields, key, value)))
    found = found.filter((_, index) => matches[index])
  }
  return found
}

/** Templates and snapshots have lists of their own. */
function isOrdinary(fields: Fields, { pairs }: XeArguments): boolean {
  return pairs.has('uuid') || (fields['is_a_template'] !== true && fields['is_a_snapshot'] !== true)
}

async function isMatch(
  client: XeClient,
  column: Column,
  fields: Fields,
  key: string | undefined,
  value: string,
): Promise<boolean> {
  const field = fields[column.field.name] ?? ''
  if (key !== undefined) return isRecord(field) && field[key] === value
  if (Array.isArray(field)) return list(field).includes(value)
  return (await column.print(client, field)) === value
}

async function minimal(client: XeClient, found: readonly Found[], shown: readonly Column[]): Promise<string[]> {
  const [first] = shown
  if (first === undefined) return []
  return Promise.all(found.map(({ fields }) => first.print(client, fields[first.field.name] ?? '')))
}

const INDENT = 4

async function block(client: XeClient, fields: Fields, shown: readonly Column[]): Promise<string> {
  const width = INDENT + Math.max(0, ...shown.map(({ name }) => name.length))
  const lines = await Promise.all(
    shown.map(async (column, index) => {
      const value = await column.print(client, fields[column.field.name] ?? '')
      const head = `${column.name} (${column.access})`
      const access = ` (${column.access})`.length
      return `${index === 0 ? head.padEnd(width + access) : head.padStart(width + access)}: ${value}`
    }),
  )
  return `${lines.join('\n')}\n`
}

/** The object that `<prefix>=` names, by uuid or by name. */
export async function oneByName(client: XeClient, cls: string, what: string): Promise<string | undefined> {
  const all = Object.entries(record(await client.call(`${cls}.get_all_records`)))
  const named = all.find(([, fields]) => [record(fields)['uuid'], record(fields)['name_label']].includes(what))
  return named?.[0]
}

export const columnNamed = (cls: string, name: string): Column | undefined =>
  columnsOf(cls).find((column) => column.name === name || spelled(column.field.name) === name)
