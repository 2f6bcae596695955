import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport, type NbdExportOptions } from '../../lib/dom0/nbd/nbd-export'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { TapdiskClient } from './tapdisk-client'

const MIB = 1024 * 1024

/** One export on a unix socket, and everybody who comes to it. */
export class NbdRig {
  readonly log = new QuietLog()
  readonly disk = new MemoryDisk(64 * MIB)
  private readonly folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
  private readonly path = join(this.folder, 'disk.sock')
  private readonly sockets: Socket[] = []
  private running: NbdExport | null = null

  async serve(over: Partial<NbdExportOptions> = {}): Promise<void> {
    const { disk, log } = this
    const options = { listen: { unix: this.path }, exportName: 'disk-0', sizeBytes: disk.sizeBytes, handler: disk.handler, log }
    this.running = await createNbdExport({ ...options, limits: { requests: 64, bytes: 8 * MIB }, ...over })
  }

  get served(): NbdExport {
    if (this.running === null) throw new Error('not served yet')
    return this.running
  }

  /** Says nothing of its own accord, and hears nothing either. */
  stranger(): Socket {
    const socket = connect(this.path).on('error', () => undefined)
    this.sockets.push(socket)
    return socket
  }

  async guest(): Promise<TapdiskClient> {
    const { client } = await TapdiskClient.open(this.path)
    this.sockets.push(client.socket)
    return client
  }

  /** Waits until so many bytes are held. */
  holds(bytes: number): Promise<void> {
    return until(
      () => this.served.heldBytes === bytes,
      () => this.served.heldBytes,
    )
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await this.running?.close()
    rmSync(this.folder, { recursive: true })
  }
}

/** A write that goes through, and a read that finds it. */
export async function expectServed(client: TapdiskClient): Promise<void> {
  client.send(1, 4096, 4096, Buffer.alloc(4096, 0x42))
  expect((await client.reply(0)).error).toBe(0)
  client.send(0, 4096, 4096)
  expect((await client.reply(4096)).data.equals(Buffer.alloc(4096, 0x42))).toBe(true)
}

export const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => socket.once('close', resolve))
