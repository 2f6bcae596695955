import type { DomainDisk, DomainNic } from '../../contract'
import { blockNode, diskDevice, diskId, nicBackend, nicDevice, nicId, servedNode, tapName } from './arguments'
import type { DomainStore } from './domain-store'
import type { Monitors } from './monitors'
import { isRecord, type Qmp } from './qmp'
import { addTap, removeTap } from './tap'

/** How long a guest may take to let go of a device; one that has not booted its drivers never does. */
const UNPLUG_MS = 20_000

/** Disks and NICs of a domain that runs. */
export class Plugs {
  constructor(
    private readonly store: DomainStore,
    private readonly monitors: Monitors,
  ) {}

  async plugDisk(domid: number, disk: DomainDisk): Promise<void> {
    const slot = await this.#freeSlot(domid, diskId(disk.userdevice))
    await this.monitors.command(domid, async (qmp) => {
      await qmp.execute('blockdev-add', blockNode(disk))
      try {
        await qmp.execute('device_add', diskDevice(disk, slot))
      } catch (error) {
        await qmp.execute('blockdev-del', { 'node-name': diskId(disk.userdevice) })
        throw error
      }
    })
    await this.#fill(domid, slot, diskId(disk.userdevice))
  }

  async unplugDisk(domid: number, userdevice: string): Promise<void> {
    const id = diskId(userdevice)
    const slot = await this.#slotOf(domid, id)
    await this.monitors.command(domid, async (qmp) => {
      await remove(qmp, id)
      await qmp.execute('blockdev-del', { 'node-name': id })
      await removeServed(qmp, id)
    })
    await this.#fill(domid, slot, null)
  }

  async plugNic(domid: number, nic: DomainNic): Promise<void> {
    const slot = await this.#freeSlot(domid, nicId(nic.device))
    await addTap(tapName(domid, nic.device), nic.bridge)
    try {
      await this.monitors.command(domid, async (qmp) => {
        await qmp.execute('netdev_add', nicBackend(domid, nic))
        try {
          await qmp.execute('device_add', nicDevice(nic, slot))
        } catch (error) {
          await qmp.execute('netdev_del', { id: nicId(nic.device) })
          throw error
        }
      })
    } catch (error) {
      await removeTap(tapName(domid, nic.device))
      throw error
    }
    await this.#fill(domid, slot, nicId(nic.device))
  }

  async unplugNic(domid: number, device: string): Promise<void> {
    const id = nicId(device)
    const slot = await this.#slotOf(domid, id)
    await this.monitors.command(domid, async (qmp) => {
      await remove(qmp, id)
      await qmp.execute('netdev_del', { id })
    })
    await removeTap(tapName(domid, device))
    await this.#fill(domid, slot, null)
  }

  async #freeSlot(domid: number, id: string): Promise<number> {
    const { slots } = await this.store.live(domid)
    if (slots.includes(id)) throw new Error(`domain ${domid} has a ${id} already`)
    const slot = slots.indexOf(null)
    if (slot < 0) throw new Error(`domain ${domid} has no slot left for ${id}`)
    return slot
  }

  async #slotOf(domid: number, id: string): Promise<number> {
    const slot = (await this.store.live(domid)).slots.indexOf(id)
    if (slot < 0) throw new Error(`domain ${domid} has no ${id}`)
    return slot
  }

  async #fill(domid: number, slot: number, id: string | null): Promise<void> {
    const record = await this.store.live(domid)
    await this.store.save({ ...record, slots: record.slots.with(slot, id) })
  }
}

/** The disk of a machine that stood by is a node over another one. */
async function removeServed(qmp: Qmp, id: string): Promise<void> {
  const served = servedNode(id)
  const nodes = await qmp.execute('query-named-block-nodes', { flat: true })
  if (!Array.isArray(nodes) || !nodes.some((node) => isRecord(node) && node['node-name'] === served)) return
  await qmp.execute('blockdev-del', { 'node-name': served })
}

async function remove(qmp: Qmp, id: string): Promise<void> {
  const deleted = qmp.event(({ event, data }) => event === 'DEVICE_DELETED' && data['device'] === id, UNPLUG_MS)
  const [asked, done] = await Promise.allSettled([qmp.execute('device_del', { id }), deleted])
  if (asked.status === 'rejected') throw asked.reason
  if (done.status === 'rejected') throw done.reason
}
