/** Disks. What a disk is, is kept by its storage; the database follows. */
import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { ApiError, type ApiMethod, type CallContext, type HostAgent, type MethodTable, NULL_REF, type Ref } from '../../contract'
import { type Members, flag, int, record, text, texts } from '../../values'
import { updateVdi } from '../vm/allowed'
import { constructorRecord } from '../vm/constructor'
import { assertExists, uuidOf } from '../vm/machine'
import { agentWith, hostsWith, recordVolume, updateUsage } from './repository'

const srOf = ({ db }: CallContext, vdi: Ref): Ref => text(db.get('VDI', vdi, 'SR'))

/** How a host is told which volume is meant. */
const volumeOf = (call: CallContext, vdi: Ref): { sr: string; key: string } => ({
  sr: uuidOf(call.db, 'SR', srOf(call, vdi)),
  key: text(call.db.get('VDI', vdi, 'location')),
})

const agentOf = (call: CallContext, vdi: Ref): HostAgent => agentWith(call, srOf(call, vdi))

const inUse = ({ db }: CallContext, vdi: Ref): boolean =>
  texts(db.get('VDI', vdi, 'VBDs')).some((vbd) => flag(db.get('VBD', vbd, 'currently_attached')))

function assertFree(call: CallContext, vdi: Ref, operation: string): void {
  const busy = Object.keys(record(call.db.get('VDI', vdi, 'current_operations'))).length > 0
  if (busy || inUse(call, vdi)) throw new ApiError('VDI_IN_USE', vdi, operation)
}

async function create(call: CallContext, fields: Members): Promise<Ref> {
  const sr = text(fields['SR'])
  assertExists(call.db, 'SR', sr)
  const agent = agentWith(call, sr)
  const volume = record(
    await agent.perform('volume.create', {
      sr: uuidOf(call.db, 'SR', sr),
      name: text(fields['name_label'] ?? ''),
      description: text(fields['name_description'] ?? ''),
      size: int(fields['virtual_size']),
      sharable: flag(fields['sharable']),
    }),
  )
  const vdi = recordVolume(call, sr, volume, fields)
  await updateUsage(call, sr, agent)
  return vdi
}

async function destroy(call: CallContext, vdi: Ref): Promise<void> {
  assertFree(call, vdi, 'destroy')
  const [sr, agent] = [srOf(call, vdi), agentOf(call, vdi)]
  await agent.perform('volume.destroy', volumeOf(call, vdi))
  for (const vbd of texts(call.db.get('VDI', vdi, 'VBDs'))) call.db.destroy('VBD', vbd)
  call.db.destroy('VDI', vdi)
  await updateUsage(call, sr, agent)
}

/** A disk of its own with the same content, made by the storage. */
export async function cloneDisk(call: CallContext, vdi: Ref): Promise<Ref> {
  const volume = record(await agentOf(call, vdi).perform('volume.clone', volumeOf(call, vdi)))
  const { type, other_config, xenstore_data, tags } = call.db.record('VDI', vdi)
  const kept = { type: type ?? 'user', other_config: other_config ?? {}, xenstore_data: xenstore_data ?? {}, tags: tags ?? [] }
  return recordVolume(call, srOf(call, vdi), volume, kept)
}

async function resize(call: CallContext, vdi: Ref, size: number): Promise<void> {
  if (size < int(call.db.get('VDI', vdi, 'virtual_size'))) throw new ApiError('VDI_TOO_SMALL', vdi, String(size))
  const agent = agentOf(call, vdi)
  await agent.perform('volume.resize', { ...volumeOf(call, vdi), size })
  const volume = record(await agent.perform('volume.stat', volumeOf(call, vdi)))
  call.db.set('VDI', vdi, 'virtual_size', int(volume['virtual_size']))
}

const PROGRESS_MS = 500

/** Copies on one host that has both repositories; the task shows the progress. */
async function copyContent(call: CallContext, from: Ref, into: Ref): Promise<void> {
  const { db } = call
  const reachable = hostsWith(call, srOf(call, into))
  const host = hostsWith(call, srOf(call, from)).find((one) => reachable.includes(one))
  if (host === undefined) throw new ApiError('SR_NOT_ATTACHED', srOf(call, into))
  const agent = call.agentOf(host)
  const id = randomUUID()
  const key = call.task === NULL_REF || call.task === '' ? `OpaqueRef:${id}` : call.task
  const mark = (operations: Record<string, string>): void => {
    for (const vdi of [from, into]) {
      db.set('VDI', vdi, 'current_operations', operations)
      updateVdi(db, vdi)
    }
  }
  mark({ [key]: 'copy' })
  try {
    const copied = agent.perform('disk.copy', { id, from: volumeOf(call, from), to: volumeOf(call, into) })
    while (!(await settledWithin(copied, PROGRESS_MS)))
      call.setProgress(Math.min(0.99, Number(await agent.perform('disk.copy-progress', { id }))))
    await copied
  } finally {
    mark({})
  }
}

async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const limit = new AbortController()
  const settled = promise.then(
    () => true,
    () => true,
  )
  const late = wait(ms, false, { signal: limit.signal })
  late.catch(() => undefined)
  try {
    return await Promise.race([settled, late])
  } finally {
    limit.abort()
  }
}

async function copy(call: CallContext, vdi: Ref, sr: Ref, into: Ref): Promise<Ref> {
  const { db } = call
  assertFree(call, vdi, 'copy')
  const size = int(db.get('VDI', vdi, 'virtual_size'))
  if (into !== NULL_REF) {
    assertExists(db, 'VDI', into)
    assertFree(call, into, 'copy')
    if (flag(db.get('VDI', into, 'read_only'))) throw new ApiError('VDI_READONLY', into)
    const room = int(db.get('VDI', into, 'virtual_size'))
    if (room < size) throw new ApiError('VDI_TOO_SMALL', into, String(size), String(room))
    await copyContent(call, vdi, into)
    return into
  }
  assertExists(db, 'SR', sr)
  const { name_label, name_description, type, sharable, read_only, other_config, xenstore_data } = db.record('VDI', vdi)
  const labels = { name_label: name_label ?? '', name_description: name_description ?? '', type: type ?? 'user' }
  const kept = { sharable: sharable ?? false, read_only: read_only ?? false }
  const maps = { other_config: other_config ?? {}, xenstore_data: xenstore_data ?? {} }
  const target = await create(call, { SR: sr, virtual_size: size, ...labels, ...kept, ...maps })
  try {
    await copyContent(call, vdi, target)
    return target
  } catch (error) {
    await destroy(call, target)
    throw error
  }
}

const vdiMethod = (
  params: ApiMethod['params'],
  act: (call: CallContext, vdi: Ref, args: readonly Members[string][]) => Promise<Ref | undefined>,
): ApiMethod => ({
  params,
  run: async (call, [vdi, ...rest]) => {
    assertExists(call.db, 'VDI', text(vdi))
    return (await act(call, text(vdi), rest)) ?? ''
  },
})

const label = (name: 'name' | 'description'): ApiMethod =>
  vdiMethod(
    [
      ['self', 'VDI ref'],
      ['value', 'string'],
    ],
    async (call, vdi, [value]) => {
      await agentOf(call, vdi).perform(`volume.set_${name}`, { ...volumeOf(call, vdi), [name]: text(value) })
      call.db.set('VDI', vdi, name === 'name' ? 'name_label' : 'name_description', text(value))
      return undefined
    },
  )

const SELF = [['vdi', 'VDI ref']] as const
const WITH_SIZE = [...SELF, ['size', 'int']] as const
const resizeMethod = vdiMethod(WITH_SIZE, async (call, vdi, [size]) => {
  await resize(call, vdi, int(size))
  return undefined
})

export const vdiMethods: MethodTable = {
  'VDI.create': {
    params: [['args', 'VDI record']],
    run: (call, [args]) => create(call, constructorRecord('VDI', args)),
  },
  'VDI.destroy': vdiMethod([['self', 'VDI ref']], async (call, vdi) => {
    await destroy(call, vdi)
    return undefined
  }),
  'VDI.forget': vdiMethod(SELF, (call, vdi) => {
    assertFree(call, vdi, 'forget')
    for (const vbd of texts(call.db.get('VDI', vdi, 'VBDs'))) call.db.destroy('VBD', vbd)
    call.db.destroy('VDI', vdi)
    return Promise.resolve(undefined)
  }),
  'VDI.clone': vdiMethod([...SELF, ['driver_params', '(string -> string) map']], cloneDisk),
  'VDI.copy': vdiMethod(
    [...SELF, ['sr', 'SR ref'], ['base_vdi', 'VDI ref'], ['into_vdi', 'VDI ref']],
    (call, vdi, [sr, , into]) => copy(call, vdi, text(sr), text(into)),
  ),
  'VDI.resize': resizeMethod,
  'VDI.resize_online': resizeMethod,
  'VDI.update': vdiMethod(SELF, async (call, vdi) => {
    const volume = record(await agentOf(call, vdi).perform('volume.stat', volumeOf(call, vdi)))
    for (const field of ['virtual_size', 'physical_utilisation']) call.db.set('VDI', vdi, field, int(volume[field]))
    return undefined
  }),
  'VDI.set_name_label': label('name'),
  'VDI.set_name_description': label('description'),
}
