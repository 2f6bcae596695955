/** Storage repositories. */
import { randomUUID } from 'node:crypto'
import { ApiError, type ApiMethod, type CallContext, type MethodTable, type Ref } from '../../contract'
import { flag, int, text, textMap, texts } from '../../values'
import { assertExists, uuidOf } from '../vm/machine'
import { plug, plugWhereAlive } from './pbd'
import { agentWith, scan, updateUsage } from './repository'

const pbdsOf = ({ db }: CallContext, sr: Ref): string[] => texts(db.get('SR', sr, 'PBDs'))
const isPlugged = ({ db }: CallContext, pbd: Ref): boolean => flag(db.get('PBD', pbd, 'currently_attached'))

interface NewRepository {
  readonly host: Ref
  readonly config: Record<string, string>
  readonly name: string
  readonly description: string
  readonly type: string
  readonly contentType: string
  readonly shared: boolean
  readonly smConfig: Record<string, string>
}

/** Made on one host; a shared one is then plugged on every host that is alive. */
async function create(call: CallContext, wish: NewRepository): Promise<Ref> {
  const { db } = call
  assertExists(db, 'host', wish.host)
  const uuid = randomUUID()
  const { type, name, description } = wish
  const given = { sr: uuid, type, config: wish.config, name, description }
  const config = textMap(await call.agentOf(wish.host).perform('sr.create', given))
  const sr = db.create('SR', {
    uuid,
    name_label: name,
    name_description: description,
    type,
    content_type: wish.contentType,
    shared: wish.shared,
    sm_config: wish.smConfig,
    allowed_operations: [
      'unplug',
      'plug',
      'pbd_create',
      'update',
      'pbd_destroy',
      'vdi_resize',
      'scan',
      'vdi_clone',
      'vdi_create',
    ],
  })
  const hosts = wish.shared ? db.refs('host') : [wish.host]
  const pbds = hosts.map((host) => db.create('PBD', { host, SR: sr, device_config: config, currently_attached: false }))
  try {
    for (const pbd of pbds) if (db.get('PBD', pbd, 'host') === wish.host) await plug(call, pbd)
  } catch (error) {
    for (const pbd of pbds) db.destroy('PBD', pbd)
    db.destroy('SR', sr)
    throw error
  }
  await plugWhereAlive(call, pbds)
  await scan(call, sr)
  return sr
}

function forget({ db }: CallContext, sr: Ref): void {
  for (const vdi of texts(db.get('SR', sr, 'VDIs'))) {
    for (const vbd of texts(db.get('VDI', vdi, 'VBDs'))) db.destroy('VBD', vbd)
    db.destroy('VDI', vdi)
  }
  for (const pbd of texts(db.get('SR', sr, 'PBDs'))) db.destroy('PBD', pbd)
  db.destroy('SR', sr)
}

/** Every PBD must be unplugged; the storage is then attached once more by itself to be destroyed. */
async function destroy(call: CallContext, sr: Ref): Promise<void> {
  const { db } = call
  const [first] = assertUnplugged(call, sr)
  if (first === undefined) throw new ApiError('SR_HAS_NO_PBDS', sr)
  const agent = call.agentOf(text(db.get('PBD', first, 'host')))
  const uuid = uuidOf(db, 'SR', sr)
  const config = textMap(db.get('PBD', first, 'device_config'))
  await agent.perform('sr.attach', { sr: uuid, type: text(db.get('SR', sr, 'type')), config })
  await agent.perform('sr.destroy', { sr: uuid })
  forget(call, sr)
}

function assertUnplugged(call: CallContext, sr: Ref): string[] {
  const pbds = pbdsOf(call, sr)
  if (pbds.some((pbd) => isPlugged(call, pbd))) throw new ApiError('SR_HAS_PBD', sr)
  return pbds
}

const srMethod = (name: string, act: (call: CallContext, sr: Ref) => Promise<void>): ApiMethod => ({
  params: [[name, 'SR ref']],
  run: async (call, [sr]) => {
    assertExists(call.db, 'SR', text(sr))
    await act(call, text(sr))
    return ''
  },
})

const setter = (field: string, type: string): ApiMethod => ({
  params: [
    ['sr', 'SR ref'],
    ['value', type],
  ],
  run: ({ db }, [sr, value]) => {
    assertExists(db, 'SR', text(sr))
    db.set('SR', text(sr), field, value ?? '')
    return Promise.resolve('')
  },
})

export const srMethods: MethodTable = {
  'SR.create': {
    params: [
      ['host', 'host ref'],
      ['device_config', '(string -> string) map'],
      ['physical_size', 'int'],
      ['name_label', 'string'],
      ['name_description', 'string'],
      ['type', 'string'],
      ['content_type', 'string'],
      ['shared', 'bool'],
      ['sm_config', '(string -> string) map'],
    ],
    run: (call, [host, config, size, name, description, type, contentType, shared, smConfig]) => {
      int(size)
      return create(call, {
        host: text(host),
        config: textMap(config),
        name: text(name),
        description: text(description),
        type: text(type),
        contentType: text(contentType),
        shared: flag(shared),
        smConfig: textMap(smConfig),
      })
    },
  },
  'SR.introduce': {
    params: [
      ['uuid', 'string'],
      ['name_label', 'string'],
      ['name_description', 'string'],
      ['type', 'string'],
      ['content_type', 'string'],
      ['shared', 'bool'],
      ['sm_config', '(string -> string) map'],
    ],
    run: async (call, [uuid, name_label, name_description, type, content_type, shared, sm_config]) => {
      const types = texts(await call.agentOf(call.here).perform('sr.types', {}))
      if (!types.includes(text(type))) throw new ApiError('SR_UNKNOWN_DRIVER', text(type))
      if (call.db.byUuid('SR', text(uuid)) !== undefined) throw new ApiError('SR_UUID_EXISTS', text(uuid))
      const fields = { uuid: text(uuid) === '' ? randomUUID() : text(uuid), type: text(type), shared: flag(shared) }
      const labels = { name_label: text(name_label), name_description: text(name_description) }
      return call.db.create('SR', { ...fields, ...labels, content_type: text(content_type), sm_config: textMap(sm_config) })
    },
  },
  'SR.scan': srMethod('sr', scan),
  'SR.update': srMethod('sr', async (call, sr) => updateUsage(call, sr, agentWith(call, sr))),
  'SR.forget': srMethod('sr', (call, sr) => {
    assertUnplugged(call, sr)
    forget(call, sr)
    return Promise.resolve()
  }),
  'SR.destroy': srMethod('sr', destroy),
  'SR.set_name_label': setter('name_label', 'string'),
  'SR.set_name_description': setter('name_description', 'string'),
  'SR.set_shared': setter('shared', 'bool'),
  'SR.get_supported_types': {
    params: [],
    run: (call) => call.agentOf(call.here).perform('sr.types', {}),
  },
}
