/**
 * The columns of a class: every field of the schema under xe's spelling, and what a reference leads to (vm-uuid, vm-name-label). Values
 * are printed as xe prints them.
 */
import type { Value } from '../contract'
import { isRecord, list, text } from '../values'
import type { Field } from '../xapi/schema/schema'
import { CLASSES } from '../xapi/schema/schema'
import type { Type } from '../xapi/schema/type'
import type { XeClient } from './client'

export interface Column {
  readonly name: string
  readonly field: Field
  /** RO, RW, or with S or M before it for sets and maps. */
  readonly access: string
  print(client: XeClient, value: Value): Promise<string>
}

const RENAMED: Readonly<Record<string, string>> = { domid: 'dom-id', cls: 'class', resident_VMs: 'resident-vms' }

/** `uuid` first, as everywhere in xe. */
export function columnsOf(cls: string): Column[] {
  const fields = [...(CLASSES.get(cls)?.fields.values() ?? [])]
  return fields.flatMap((field) => [plain(cls, field), ...behind(cls, field)])
}

export const spelled = (name: string): string => RENAMED[name] ?? name.replaceAll('_', '-')

/** Of a host's address xe shows less than the API allows. */
function plain(cls: string, field: Field): Column {
  return {
    name: spelled(field.name),
    field,
    access: cls === 'host' && field.name === 'address' ? ' RO' : accessOf(field),
    print: (client, value) => printed(client, value, field.type),
  }
}

function behind(cls: string, field: Field): Column[] {
  const { type } = field
  if (type.kind !== 'ref') return []
  const start = spelled(field.name).toLowerCase()
  const uuid: Column = { ...plain(cls, field), name: `${start}-uuid` }
  const label: Column = {
    ...plain(cls, field),
    name: `${start}-name-label`,
    access: ' RO',
    print: async (client, value) => {
      const known = await client.uuidOf(type.name, text(value))
      return known === undefined ? '<not in database>' : text(await client.call(`${type.name}.get_name_label`, value))
    },
  }
  return [uuid, label]
}

function accessOf({ type, qualifier }: Field): string {
  const shape = type.kind === 'set' ? 'S' : type.kind === 'map' ? 'M' : ' '
  return `${shape}${qualifier === 'RW' ? 'RW' : 'RO'}`
}

async function printed(client: XeClient, value: Value, type: Type): Promise<string> {
  if (type.kind === 'set') {
    const items = await Promise.all(list(value).map((item) => printed(client, item, type.item)))
    // Free words are set apart by commas, names of the API by semicolons.
    return items.join(type.item.kind === 'string' && items.length > 0 ? ', ' : '; ')
  }
  if (type.kind === 'map' && isRecord(value)) {
    const members = Object.entries(value).map(async ([key, member]) => `${key}: ${await printed(client, member, type.value)}`)
    return (await Promise.all(members)).join('; ')
  }
  if (type.kind === 'ref') return (await client.uuidOf(type.name, text(value))) ?? '<not in database>'
  if (type.kind === 'float') return Number(value).toFixed(3)
  if (type.kind === 'enum' && type.name === 'vm_power_state') return text(value).toLowerCase()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
