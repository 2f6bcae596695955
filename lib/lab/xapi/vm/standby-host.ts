/**
 * What a host does for machines that stand by for one of another host (docs/reference/lockstep-host.md). How such a machine is to be built
 * is asked of the coordinator, which may be dead when it is to run: from then on the host acts alone, and tells.
 */
import { setTimeout as wait } from 'node:timers/promises'
import type { DomainState, HostOperations, StandbyManager, Value } from '../../contract'
import { type HostStorage } from '../../storage/host-storage'
import { type Members, int, list, record, text } from '../../values'
import { likenessOf, likenessValue, type LikeDisk } from './likeness'

export interface StandbyParts {
  readonly standbys: StandbyManager
  readonly storage: HostStorage
  /** Repeated until the coordinator has taken it. */
  report(operation: string, args: Members): Promise<Value>
  tellCoordinator(operation: string, args: Members): Promise<Value>
  /** A domain of the toolstack; undefined: none, or it is gone. */
  domain(domid: number): Promise<DomainState | undefined>
  readonly hostUuid: string
  log(text: string): void
}

export interface StandbyHost {
  readonly operations: HostOperations
  /** What arrived while nobody could be told. */
  tellOfArrivals(): Promise<void>
}

const RETRY_MS = 1000
const OPEN_TRIES = 120

const asWay = (value: string): 'devices' | 'migration' => {
  if (value !== 'devices' && value !== 'migration') throw new Error(`no such way: ${value.slice(0, 40)}`)
  return value
}

export function createStandbyHost(parts: StandbyParts): StandbyHost {
  const { standbys } = parts
  /** Domids whose arrival is being told. */
  const welcoming = new Set<number>()

  /** One that is not told keeps a reservation too long, until the VM's next standby or its end. */
  async function tellOfEnd(vm: string): Promise<void> {
    try {
      await parts.tellCoordinator('standby.ended', here({ vm }))
    } catch (error) {
      parts.log(`that a standby of ${vm} has ended was not told: ${String(error)}`)
    }
  }

  const here = (args: Members): Members => ({ host: parts.hostUuid, ...args })

  async function endOthersOf(vm: string): Promise<void> {
    for (const { domid, vmUuid, state } of await standbys.list())
      if (vmUuid === vm && state === 'waiting') await standbys.end(domid)
  }

  async function prepare(args: Members): Promise<Value> {
    const [vm, memory] = [text(args['vm']), int(args['memory'])]
    const wish = { run: int(args['run']), way: asWay(text(args['way'])) }
    await endOthersOf(vm)
    const described = record(await parts.tellCoordinator('standby.describe', here({ vm })))
    try {
      const { likeness, disks } = likenessOf(record(described['likeness']), list(described['disks']).map(record))
      const has = likeness.spec.memoryBytes
      if (has !== memory) throw new Error(`the VM has ${has} bytes of memory, not ${memory}`)
      const { domid, monitor, memoryFile } = await standbys.prepare(likeness, wish)
      return { domid, monitor, memoryFile, disks: disks.map(diskValue) }
    } catch (error) {
      await tellOfEnd(vm)
      throw error
    }
  }

  /** Its storage is opened in its name as at a start, though its machine has it already: whoever serves a disk knows for whom. */
  async function openStorage(domid: number, disks: readonly Members[]): Promise<void> {
    for (let tries = 0; tries < OPEN_TRIES && (await parts.domain(domid)) !== undefined; tries++) {
      try {
        await parts.storage.openDisks(
          String(domid),
          disks.map((disk) => ({ sr: text(disk['sr']), key: text(disk['key']) })),
        )
        return
      } catch (error) {
        parts.log(`the storage of domain ${domid} is not open yet: ${String(error)}`)
        await wait(RETRY_MS, undefined, { ref: false })
      }
    }
  }

  async function welcome(domid: number, vmUuid: string): Promise<void> {
    if (welcoming.has(domid)) return
    welcoming.add(domid)
    try {
      const told = record(
        await parts.report('vm.arrived', { domid, vmUuid, paused: (await parts.domain(domid))?.paused ?? false }),
      )
      await standbys.settle(domid)
      await openStorage(domid, list(told['disks']).map(record))
    } finally {
      welcoming.delete(domid)
    }
  }

  const welcomeInBackground = (domid: number, vmUuid: string): void => {
    welcome(domid, vmUuid).catch((error: unknown) => parts.log(`the arrival of domain ${domid} was not told: ${String(error)}`))
  }

  async function tellOfArrivals(): Promise<void> {
    for (const { domid, vmUuid, state } of await standbys.list()) if (state === 'arrived') welcomeInBackground(domid, vmUuid)
  }

  return {
    operations: {
      'domain.describe': async (args) => likenessValue(await standbys.likenessOf(int(args['domid']))),
      'standby.prepare': prepare,
      'standby.arrived': async (args) => {
        await standbys.arrive(int(args['domid']))
        await tellOfArrivals()
        return ''
      },
      'standby.end': async (args) => {
        const vm = await standbys.end(int(args['domid']))
        if (vm !== null) await tellOfEnd(vm)
        return ''
      },
    },
    tellOfArrivals,
  }
}

const diskValue = ({ volume, node, bytes, readOnly }: LikeDisk): Members => ({ volume, node, bytes, readOnly })
