/** What hands frames to a waiting machine, for it to send or to receive when it goes on: two redirectors for each network backend. */
import { join } from 'node:path'
import type { Socket } from 'node:net'
import type { FrameWay } from '../../core/domain/guest-frame'
import type { RecentFrames } from '../../ports/standby-machine'
import { connectSocket, networkBackends } from './output-filters'
import type { QmpSession } from './qmp'
import { acceptOne } from './redirected-nic'

const LIMIT_MS = 5000
/** Frames that the guest sends pass a backend on their way in, those for it on their way out. */
const QUEUES: Readonly<Record<FrameWay, string>> = { sent: 'rx', came: 'tx' }

interface Entrance {
  readonly nic: number
  readonly way: FrameWay
  readonly name: string
  readonly socket: Socket
}

export class ReplayFilters {
  private readonly entrances: Entrance[] = []

  private constructor(private readonly qmp: QmpSession) {}

  /** `folder`: for sockets; reachable by QEMU, for nobody else. Rejects as Qmp does, with Malformed, or with the system's error. */
  static async add(qmp: QmpSession, folder: string): Promise<ReplayFilters> {
    const filters = new ReplayFilters(qmp)
    try {
      for (const [nic, netdev] of (await networkBackends(qmp)).entries())
        for (const way of ['sent', 'came'] as const) await filters.enter(nic, way, netdev, folder)
      return filters
    } catch (error) {
      filters.close()
      throw error
    }
  }

  /** While the machine stands, QEMU keeps them until it goes on; those of an interface that it has not are left out. */
  replay(recent: RecentFrames): void {
    for (const { nic, way, socket } of this.entrances)
      for (const frame of recent[way]) if (frame.nic === nic) socket.write(frame.bytes)
  }

  /** Of a machine that goes on. Rejects as Qmp does. */
  async remove(): Promise<void> {
    await Promise.all(this.entrances.map(({ socket }) => taken(socket)))
    for (const { name } of this.entrances) {
      await this.qmp.execute('object-del', { id: name }, LIMIT_MS)
      await this.qmp.execute('chardev-remove', { id: name }, LIMIT_MS)
    }
    this.entrances.length = 0
  }

  close(): void {
    for (const { socket } of this.entrances) socket.destroy()
  }

  private async enter(nic: number, way: FrameWay, netdev: string, folder: string): Promise<void> {
    const { qmp } = this
    const name = `holdfast-replay-${nic}-${way}`
    const path = join(folder, `${name}.socket`)
    const socket = await acceptOne(path, () => connectSocket(qmp, name, path))
    // Who writes into it hears of QEMU's end by its monitor.
    socket.on('error', () => socket.destroy()).resume()
    this.entrances.push({ nic, way, name, socket })
    const redirector = { 'qom-type': 'filter-redirector', netdev, vnet_hdr_support: true }
    await qmp.execute('object-add', { ...redirector, queue: QUEUES[way], id: name, indev: name }, LIMIT_MS)
  }
}

/** QEMU has read all of it, is gone, or hangs. */
function taken(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve()
  socket.setTimeout(LIMIT_MS, () => socket.destroy())
  return new Promise((resolve) => {
    socket.once('close', () => resolve())
    socket.end()
  })
}
