/**
 * What a host performs for its virtual machines (xenopsd's part) and their storage, and how it tells the coordinator of what happens
 * by itself: a guest that ended, a toolstack that started.
 */
import { setTimeout as wait } from 'node:timers/promises'
import {
  ApiError,
  type DomainDisk,
  type DomainManager,
  type DomainNic,
  type DomainState,
  type HostOperations,
  type StandbyManager,
  type Value,
} from '../../contract'
import { HostStorage } from '../../storage/host-storage'
import { storageOperations } from '../../storage/operations'
import { type Members, flag, int, list, record, text } from '../../values'
import { createStandbyHost } from './standby-host'

export interface HostParts {
  readonly domains: DomainManager
  /** None: no machine of this host stands by for another one. */
  readonly standbys?: StandbyManager
  /** The host's root directory; `/` inside a host. */
  readonly root: string
  readonly hostUuid: string
  /** Performs an operation on the coordinator; fails while it cannot be reached. */
  tellCoordinator(operation: string, args: Members): Promise<Value>
  log?(message: string): void
  /** Whether reports that failed should be tried again: false once the server stops. */
  stillRunning(): boolean
}

export interface HostPart {
  readonly operations: HostOperations
  /** To be called once xapi of this host can reach the coordinator: re-adopts domains, plugs the repositories again. */
  announceStart(): Promise<void>
}

const RETRY_MS = 1000
/** Two minutes: the product's daemon is up long before, or does not come. */
const PLUG_TRIES = 120

const diskArgument = (value: Value): { userdevice: string; sr: string; key: string; readOnly: boolean } => {
  const disk = record(value)
  return {
    userdevice: text(disk['userdevice']),
    sr: text(disk['sr']),
    key: text(disk['key']),
    readOnly: flag(disk['readOnly']),
  }
}

const nicArgument = (value: Value): DomainNic => {
  const nic = record(value)
  return { device: text(nic['device']), mac: text(nic['mac']), bridge: text(nic['bridge']) }
}

export async function createHostOperations(parts: HostParts): Promise<HostPart> {
  const { domains } = parts
  const storage = await HostStorage.start(parts.root)

  const domain = async (domid: number): Promise<DomainState | undefined> =>
    (await domains.list()).find((each) => each.domid === domid)
  const exists = async (domid: number): Promise<boolean> => (await domain(domid)) !== undefined

  async function create(args: Members): Promise<Value> {
    const domid = await domains.reserve()
    const wishes = list(args['disks']).map(diskArgument)
    const sources = await storage.openDisks(String(domid), wishes)
    const disks = wishes.flatMap(({ userdevice, readOnly }, index): DomainDisk[] => {
      const source = sources[index]
      return source === undefined ? [] : [{ userdevice, readOnly, source }]
    })
    const machine = { memoryBytes: int(args['memoryBytes']), vcpus: int(args['vcpus']), disks }
    const boot = { kernel: text(args['kernel']), ramdisk: text(args['ramdisk']), args: text(args['args']) }
    const nics = list(args['nics']).map(nicArgument)
    try {
      return await domains.create({ vmUuid: text(args['vmUuid']), name: text(args['name']), ...machine, ...boot, nics }, domid)
    } catch (error) {
      await storage.closeAll(String(domid))
      throw error
    }
  }

  async function destroy(domid: number): Promise<void> {
    if (await exists(domid)) await domains.destroy(domid)
    await storage.closeAll(String(domid))
  }

  const onDomain =
    (act: (domid: number, args: Members) => Promise<void>) =>
    async (args: Members): Promise<Value> => {
      await act(int(args['domid']), args)
      return ''
    }

  const operations: HostOperations = {
    ...storageOperations(storage),
    ping: () => Promise.resolve(''),
    'domain.create': create,
    'domain.unpause': onDomain((domid) => domains.unpause(domid)),
    'domain.pause': onDomain((domid) => domains.pause(domid)),
    /** Asks the guest and waits until it is down; the disks stay open until domain.destroy. */
    'domain.shutdown': onDomain(async (domid, args) => {
      try {
        await domains.shutdown(domid, int(args['timeoutMs']))
      } catch (error) {
        if (await exists(domid)) throw new ApiError('VM_SHUTDOWN_TIMEOUT', String(domid), String(int(args['timeoutMs']) / 1000))
        throw error
      }
    }),
    'domain.destroy': onDomain(destroy),
    'domain.plug-disk': onDomain(async (domid, args) => {
      const disk = diskArgument(args['disk'] ?? '')
      const source = await storage.openDisk(String(domid), disk)
      try {
        await domains.plugDisk(domid, { userdevice: disk.userdevice, readOnly: disk.readOnly, source })
      } catch (error) {
        await storage.closeDisk(String(domid), disk)
        throw error
      }
    }),
    'domain.unplug-disk': onDomain(async (domid, args) => {
      const disk = diskArgument(args['disk'] ?? '')
      await domains.unplugDisk(domid, disk.userdevice)
      await storage.closeDisk(String(domid), disk)
    }),
    'domain.plug-nic': onDomain((domid, args) => domains.plugNic(domid, nicArgument(args['nic'] ?? ''))),
    'domain.unplug-nic': onDomain((domid, args) => domains.unplugNic(domid, text(args['device']))),
    'domain.list': async () => (await domains.list()).map(({ domid, vmUuid, paused }) => ({ domid, vmUuid, paused })),
  }

  /** A report is repeated until the coordinator has taken it: while it is dead the guest's end must not be forgotten. */
  async function report(operation: string, args: Members): Promise<Value> {
    for (;;) {
      try {
        return await parts.tellCoordinator(operation, { host: parts.hostUuid, ...args })
      } catch (error) {
        if (!parts.stillRunning()) throw error
        await wait(RETRY_MS, undefined, { ref: false })
      }
    }
  }

  const standbyHost =
    parts.standbys === undefined
      ? null
      : createStandbyHost({
          ...{ standbys: parts.standbys, storage, report, domain, hostUuid: parts.hostUuid },
          tellCoordinator: (operation, args) => parts.tellCoordinator(operation, args),
          log: (message) => parts.log?.(message),
        })

  domains.onEnd((domid, vmUuid, end) => {
    report('guest.ended', { domid, vmUuid, end }).catch((error: unknown) => {
      // Only a server that stops gives up; its successor finds the domain missing and says so in host.started.
      if (parts.stillRunning()) throw error
    })
  })

  return {
    operations: { ...operations, ...standbyHost?.operations },
    announceStart: async () => {
      const found = await domains.list()
      await storage.closeLeftovers(new Set(found.map(({ domid }) => String(domid))))
      const beside = (await parts.standbys?.list()) ?? []
      const arrived = new Set(beside.filter(({ state }) => state === 'arrived').map(({ domid }) => domid))
      const running = found.map(({ domid, vmUuid, paused }) => ({ domid, vmUuid, paused, arrived: arrived.has(domid) }))
      const standbys = beside.filter(({ state }) => state === 'waiting').map(({ vmUuid }) => vmUuid)
      const answer = record(
        await report('host.started', { domains: running, standbys, repositories: [...storage.repositories()] }),
      )
      await standbyHost?.tellOfArrivals()
      // The database says these run elsewhere: two of one machine would destroy its disks.
      for (const domid of list(answer['destroy']).map(int)) await destroy(domid)
      // What serves a repository may be starting beside us.
      for (let tries = 0; tries < PLUG_TRIES && parts.stillRunning(); tries++) {
        if (flag(await report('host.plug-storage', {}))) return
        await wait(RETRY_MS, undefined, { ref: false })
      }
    },
  }
}
