/** Reaching a repository through a host that has it plugged, and bringing the database in line with what it holds. */
import { ApiError, type CallContext, type HostAgent, type Ref } from '../../contract'
import { type Members, flag, int, list, record, text, textMap, texts } from '../../values'
import { updateVdi } from '../vm/allowed'
import { uuidOf } from '../vm/machine'

/** Hosts that have it plugged; the one that runs the call first, it is alive for certain. */
export function hostsWith({ db, here }: CallContext, sr: Ref): Ref[] {
  const hosts = texts(db.get('SR', sr, 'PBDs'))
    .filter((pbd) => flag(db.get('PBD', pbd, 'currently_attached')))
    .map((pbd) => text(db.get('PBD', pbd, 'host')))
  return hosts.sort((a, b) => Number(b === here) - Number(a === here))
}

export function agentWith(call: CallContext, sr: Ref): HostAgent {
  const [host] = hostsWith(call, sr)
  if (host === undefined) {
    const known = texts(call.db.get('SR', sr, 'PBDs')).length > 0
    throw new ApiError(known ? 'SR_NOT_ATTACHED' : 'SR_HAS_NO_PBDS', sr)
  }
  return call.agentOf(host)
}

export async function updateUsage({ db }: CallContext, sr: Ref, agent: HostAgent): Promise<void> {
  const stat = record(await agent.perform('sr.stat', { sr: uuidOf(db, 'SR', sr) }))
  const [total, free] = [int(stat['total_space']), int(stat['free_space'])]
  const promised = texts(db.get('SR', sr, 'VDIs')).reduce((sum, vdi) => sum + int(db.get('VDI', vdi, 'virtual_size')), 0)
  db.set('SR', sr, 'physical_size', total)
  db.set('SR', sr, 'physical_utilisation', Math.max(0, total - free))
  db.set('SR', sr, 'virtual_allocation', promised)
}

/** The fields of a VDI that the storage decides. */
export function volumeFields(volume: Members): Members {
  return {
    name_label: text(volume['name']),
    name_description: text(volume['description']),
    virtual_size: int(volume['virtual_size']),
    physical_utilisation: int(volume['physical_utilisation']),
    sharable: flag(volume['sharable']),
    read_only: !flag(volume['read_write']),
    location: text(volume['key']),
  }
}

/** The record of a volume just made or found. */
export function recordVolume({ db }: CallContext, sr: Ref, volume: Members, more: Members): Ref {
  const uuid = text(volume['uuid'])
  const own = { ...volumeFields(volume), SR: sr, managed: true, missing: false }
  const vdi = db.create('VDI', {
    sm_config: textMap(volume['keys']),
    type: 'user',
    ...more,
    ...own,
    ...(uuid === '' ? {} : { uuid }),
  })
  updateVdi(db, vdi)
  return vdi
}

export async function scan(call: CallContext, sr: Ref): Promise<void> {
  const { db } = call
  const agent = agentWith(call, sr)
  const volumes = list(await agent.perform('sr.ls', { sr: uuidOf(db, 'SR', sr) })).map(record)
  const found = new Map(volumes.map((volume) => [text(volume['key']), volume]))
  for (const vdi of texts(db.get('SR', sr, 'VDIs'))) {
    const volume = found.get(text(db.get('VDI', vdi, 'location')))
    found.delete(text(db.get('VDI', vdi, 'location')))
    if (volume === undefined) db.destroy('VDI', vdi)
    else for (const [field, value] of Object.entries(volumeFields(volume))) db.set('VDI', vdi, field, value)
  }
  for (const volume of found.values()) recordVolume(call, sr, volume, {})
  await updateUsage(call, sr, agent)
}
