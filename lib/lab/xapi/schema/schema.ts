import type { Value } from '../../contract'
import { NULL_REF } from '../../contract'
import { ENUMS } from './enums'
import { HOST_CLASSES } from './host-classes'
import { NETWORK_CLASSES } from './network-classes'
import { POOL_CLASSES } from './pool-classes'
import { STORAGE_CLASSES } from './storage-classes'
import type { Type } from './type'
import { typeOf } from './type'
import { VM_CLASSES } from './vm-classes'

/** RO: changes only by itself. CO: given at creation, fixed afterwards. RW: set_, add_ and remove_ messages exist. */
export type Qualifier = 'RO' | 'CO' | 'RW'

export interface Field {
  readonly name: string
  readonly type: Type
  /** The type as the data model spells it. */
  readonly typeText: string
  readonly qualifier: Qualifier
  /** The release that brought it, with its state when it is not published. */
  readonly since: string
  readonly fallback: Value
}

export interface ClassSchema {
  readonly name: string
  readonly fields: ReadonlyMap<string, Field>
  /** Which getters of whole objects exist: get_all; get_all_records(_where); get_by_name_label; get_record and get_by_uuid. */
  readonly offers: ReadonlySet<'all' | 'records' | 'named' | 'record'>
}

/** Classes that exist in the API, of which the lab has neither fields nor objects; event.from counts them. */
export const EMPTY_CLASSES: readonly string[] = [
  ...[
    'Certificate',
    'Cluster',
    'Cluster_host',
    'DR_task',
    'Feature',
    'GPU_group',
    'LVHD',
    'Observer',
    'PGPU',
    'PUSB',
    'PVS_cache_storage',
  ],
  ...[
    'PVS_proxy',
    'PVS_server',
    'PVS_site',
    'Repository',
    'SDN_controller',
    'USB_group',
    'VGPU_type',
    'VMPP',
    'auth',
    'data_source',
  ],
  ...['host_crashdump', 'host_driver', 'host_patch', 'network_sriov', 'pool_patch', 'pool_update', 'probe_result', 'sr_stat'],
  ...['vdi_nbd_server_info', 'vm_group_stat', 'driver_variant'],
]

const enums = new Map(
  ENUMS.trim()
    .split('\n')
    .map((line) => {
      const [name, values] = line.split(' = ')
      return [name ?? '', (values ?? '').split(' | ')] as const
    }),
)

/** Values of an enumeration; undefined for one the table does not list. */
export const enumValues = (name: string): readonly string[] | undefined => enums.get(name)

function typeDefault(type: Type): Value {
  switch (type.kind) {
    case 'int':
    case 'float':
      return 0
    case 'bool':
      return false
    case 'datetime':
      return '19700101T00:00:00Z'
    case 'ref':
      return NULL_REF
    case 'set':
      return []
    case 'map':
    case 'record':
      return {}
    case 'enum':
      return enumValues(type.name)?.[0] ?? ''
    case 'string':
    case 'void':
      return ''
  }
}

function written(type: Type, text: string): Value {
  if (text === '') return typeDefault(type)
  switch (type.kind) {
    case 'int':
    case 'float':
      return Number(text)
    case 'bool':
      return text === 'true'
    case 'string':
      return text.replace(/^"|"$/g, '')
    case 'set':
      return text === '{0}' ? [0] : []
    case 'map':
      return Object.fromEntries([...text.matchAll(/"(.*?)" -> "(.*?)"/g)].map((match) => [match[1] ?? '', match[2] ?? '']))
    case 'ref':
    case 'enum':
    case 'datetime':
    case 'record':
    case 'void':
      return text
  }
}

const isQualifier = (text: string | undefined): text is Qualifier => text === 'RO' || text === 'CO' || text === 'RW'
const isOffer = (text: string): text is 'all' | 'records' | 'named' | 'record' =>
  ['all', 'records', 'named', 'record'].includes(text)

function fieldOf(line: string): Field {
  const [name, type, qualifier, since, fallback] = line.split('|')
  if (name === undefined || type === undefined || !isQualifier(qualifier)) throw new Error(`not a field: ${line}`)
  return {
    name,
    type: typeOf(type),
    typeText: type,
    qualifier,
    since: since ?? '',
    fallback: written(typeOf(type), fallback ?? ''),
  }
}

function classesOf(text: string): ClassSchema[] {
  return text
    .split(/^class /m)
    .slice(1)
    .map((block) => {
      const [head, ...lines] = block.trim().split('\n')
      const [name, ...offers] = (head ?? '').split(' ')
      const fields = lines.map(fieldOf)
      return {
        name: name ?? '',
        offers: new Set(offers.filter(isOffer)),
        fields: new Map(fields.map((field) => [field.name, field])),
      }
    })
}

export const CLASSES: ReadonlyMap<string, ClassSchema> = new Map(
  [POOL_CLASSES, HOST_CLASSES, VM_CLASSES, STORAGE_CLASSES, NETWORK_CLASSES].flatMap(classesOf).map((cls) => [cls.name, cls]),
)
