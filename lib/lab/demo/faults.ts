import type { VmStatus } from '../../wire/daemon-api'
import { monotonicMs } from '../client/record'
import type { Value } from '../contract'
import type { Lab } from '../rack/lab'
import type { ClientRun } from './client-run'
import { diskErrorsOn, type Moment, type Span } from './measure'
import { isRedundant, oneLine, statusOn } from './operator'
import type { Screen } from './screen'
import { poolApi, until } from './stage'

export interface Scene {
  readonly lab: Lab
  readonly vm: string
  readonly client: ClientRun
  readonly screen: Screen
}

const REDIRECT_LIMIT_MS = 30_000
const RESTART_LIMIT_MS = 90_000
const MEMBER_LIMIT_MS = 60_000
const REDUNDANT_LIMIT_MS = 90_000
/** So many acknowledgements show that writing goes on. */
const ENOUGH = 100
const LOOK_EVERY_MS = 1_000

/** The disk of the host where the VM runs fails and is repaired. The guest must not notice. */
export async function failDisk(scene: Scene, host: string, peer: string): Promise<Span> {
  const { lab, vm, client, screen } = scene
  const broken = now()
  screen.line(await lab.fault({ kind: 'disk', host, volume: null, ops: 'both', error: 'EIO' }))
  await until(`the VM is served from ${peer}'s replica alone`, REDIRECT_LIMIT_MS, async () => {
    const status = await statusOn(lab, host, vm)
    return status !== null && status.disks.every(({ upToDate }) => upToDate.join() === peer)
  })
  await tellStatus(scene, host)
  const redirectedMs = monotonicMs()
  await until('the client goes on writing', REDIRECT_LIMIT_MS, () =>
    Promise.resolve(client.acknowledgedSince(redirectedMs) >= ENOUGH),
  )
  screen.line(`${client.acknowledgedSince(broken.monotonicMs)} records acknowledged since the disk failed`)
  await noDiskErrors(scene, host)
  screen.line(await lab.undo({ kind: 'disk', host, volume: null, ops: 'both', error: 'EIO' }))
  await redundantAgain(scene, host)
  return { broken, whole: now() }
}

/** Every process of the host is killed at once; it boots again when the VM has been restarted on the other one. */
export async function killHost(scene: Scene, host: string, survivor: string): Promise<Span> {
  const { lab, client, screen } = scene
  const broken = now()
  screen.line(await lab.fault({ kind: 'host', host }))
  const deadMs = monotonicMs()
  const look = statusChanges(scene, survivor)
  await until(`the VM answers on ${survivor}`, RESTART_LIMIT_MS, async () => {
    await look()
    return client.acknowledgedSince(deadMs) >= ENOUGH
  })
  const answeredMs = client.acknowledgements().find(({ at }) => at > deadMs)?.at ?? deadMs
  screen.line(`the client is answered again, ${((answeredMs - broken.monotonicMs) / 1000).toFixed(1)} s after the kill`)
  await until(`XAPI says that the VM runs on ${survivor}`, RESTART_LIMIT_MS, async () => {
    return (await look())?.residentOn === survivor
  })
  screen.line(await lab.undo({ kind: 'host', host }))
  await redundantAgain(scene, survivor)
  await until(`${host} is a living member of ${survivor}'s pool`, MEMBER_LIMIT_MS, () => isMember(lab, host, survivor))
  screen.line(`${host} is a member of the pool again; the coordinator is ${survivor}`)
  return { broken, whole: now() }
}

async function redundantAgain(scene: Scene, host: string): Promise<void> {
  const look = statusChanges(scene, host)
  await until('every disk of the VM is up-to-date on both hosts', REDUNDANT_LIMIT_MS, async () => {
    const status = await look()
    return status !== null && isRedundant(status)
  })
}

/** Asks at most once a second, and tells the operator's line whenever it has another meaning. */
function statusChanges({ lab, vm, screen }: Scene, host: string): () => Promise<VmStatus | null> {
  let told = ''
  let last: VmStatus | null = null
  let nextMs = 0
  return async () => {
    if (monotonicMs() < nextMs) return last
    last = await statusOn(lab, host, vm)
    nextMs = monotonicMs() + LOOK_EVERY_MS
    const line = last === null ? '' : oneLine(last)
    if (line !== told && line !== '') screen.line(line)
    told = line
    return last
  }
}

/** Whether the pool, as that coordinator sees it, has the host as a living member. */
async function isMember(lab: Lab, host: string, coordinator: string): Promise<boolean> {
  const api = await poolApi(lab, coordinator)
  try {
    const [pool] = refs(await api.call('pool.get_all'))
    const master = await api.ref('pool.get_master', pool ?? '')
    const uuid = lab.hosts.find(({ name }) => name === host)?.uuid ?? ''
    const metrics = await api.ref('host.get_metrics', await api.ref('host.get_by_uuid', uuid))
    const live = await api.call('host_metrics.get_live', metrics)
    return (await api.ref('host.get_name_label', master)) === coordinator && live === true
  } finally {
    await api.logout()
  }
}

const refs = (value: Value): string[] => (Array.isArray(value) ? value.filter((ref) => typeof ref === 'string') : [])

export async function tellStatus({ lab, vm, screen }: Scene, host: string): Promise<void> {
  const status = await statusOn(lab, host, vm)
  if (status !== null) screen.line(oneLine(status))
}

/** Rejects when the guest's console tells of a failed disk. */
async function noDiskErrors({ lab, screen }: Scene, host: string): Promise<void> {
  const { stdout } = await lab.exec(host, ['sh', '-c', 'cat /run/xen-lab/*/console.log'])
  const lines = stdout.trim().split('\n')
  if (lines.length < 2) throw new Error(`the console of the guest on ${host} is empty, so nothing can be said of its disk`)
  const errors = diskErrorsOn(stdout)
  if (errors.length > 0) throw new Error(`the guest saw its disk fail: ${errors.join(' | ')}`)
  screen.line(`the guest's console: ${lines.length} lines, none of them about a disk error`)
}

const now = (): Moment => ({ wallMs: Date.now(), monotonicMs: monotonicMs() })
