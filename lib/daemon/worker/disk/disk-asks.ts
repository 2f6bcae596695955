import { Refusal } from '../../../core/domain/errors'
import type { VolumeKey } from '../../../core/domain/ids'
import type { WorkerApi, WorkerSpec } from '../../../wire/worker-api'
import type { Disk } from './disk'
import type { Primary } from '../primary'

export interface DiskAsksNeeds {
  /** Resolves when the role is known, and is not on its way to the other host. */
  readonly settled: () => Promise<void>
  /** Resolves when a guest may run. */
  readonly confirmed: () => Promise<void>
  /** Null while this host is not the one that serves. */
  readonly serving: () => Primary | null
  /** Throws the reason why this host does not serve. */
  readonly served: () => Primary
  readonly attached: (attached: WorkerSpec['attached']) => void
}

type DiskFunction = 'attach' | 'activate' | 'deactivate' | 'detach'
type Handlers = { readonly [F in DiskFunction]: (ask: WorkerApi[F]['ask']) => Promise<WorkerApi[F]['answer']> }

/** What the storage plug-in asks for a disk of the VM. */
export function diskAsks({ settled, confirmed, serving, served, attached }: DiskAsksNeeds): Handlers {
  const diskOf = (volume: VolumeKey): Disk => {
    const disk = served().disks.find((each) => each.volume.key === volume)
    if (disk === undefined) throw new Refusal('HOLDFAST_NO_SUCH_VOLUME', { volume, sr: 'of this worker' })
    return disk
  }
  /** What a domain that is gone gives back may have another one's guest on it by now. */
  const diskServedTo = ({ volume, domain }: WorkerApi['detach']['ask']): Disk | undefined =>
    serving()?.disks.find(({ volume: { key }, attachedTo }) => key === volume && (attachedTo ?? domain) === domain)
  const remember = (): void => {
    const used = served().disks.flatMap(({ volume, attachedTo, active }) =>
      attachedTo === null ? [] : [[volume.key, { domain: attachedTo, active }]],
    )
    attached(Object.fromEntries(used) as WorkerSpec['attached'])
  }
  return {
    attach: async ({ volume, domain }) => {
      await settled()
      const socket = await diskOf(volume).attach(domain)
      remember()
      return { socket, exportName: volume }
    },
    activate: async ({ volume, domain }) => {
      await settled()
      await diskOf(volume).attach(domain)
      await confirmed()
      const disk = diskOf(volume)
      if (disk.attachedTo !== domain)
        throw new Refusal('HOLDFAST_VOLUME_IN_USE', { volume, use: `no longer attached to domain ${domain}` })
      disk.active = true
      remember()
      served().guestChanged()
      return null
    },
    deactivate: (client) => {
      const disk = diskServedTo(client)
      if (disk !== undefined) {
        disk.active = false
        remember()
        served().guestChanged()
      }
      return Promise.resolve(null)
    },
    detach: async (client) => {
      const disk = diskServedTo(client)
      if (disk !== undefined) {
        await disk.detach()
        remember()
      }
      return null
    },
  }
}
