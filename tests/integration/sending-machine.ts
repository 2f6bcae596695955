import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { exited, until } from './guest-rig'
import { HEADER, NE2000, SENDING, SENT, USED } from './sending-programs'

const MEMORY_BYTES = 16 * 1024 * 1024
/** The flags of a socket that listens, in the kernel's list. */
const ACCEPTS = '00010000'

/** What the guest sends as its frame of this number, when it has received so many. */
export function frameOf(number: number, received: number): Buffer {
  const frame = Buffer.alloc(60 + (number & 0x3ff))
  Buffer.from(HEADER).copy(frame)
  frame.writeUInt32LE(number, HEADER.length)
  frame.writeUInt8(received, HEADER.length + 4)
  return frame
}

/** A socket is there a moment before anybody can connect to it. */
const listens = (path: string): boolean =>
  readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .some((line) => line.endsWith(` ${path}`) && line.split(' ')[3] === ACCEPTS)

export const numberOf = (frame: Buffer): number => frame.readUInt32LE(HEADER.length)
export const receivedOf = (frame: Buffer): number => frame.readUInt8(HEADER.length + 4)

/** A machine of QEMU with one network interface, and the network that it is on. */
export class SendingMachine {
  readonly monitor: string
  readonly memory: string
  /** All frames that came out of the machine. */
  readonly wire: Buffer[] = []
  private readonly log: string
  private child: ChildProcess | null = null
  private connection: Socket | null = null
  private readonly network: Server

  constructor(
    private readonly folder: string,
    private readonly program: { readonly sector: Buffer; readonly device: readonly string[] } = NE2000,
    private readonly more: readonly string[] = [],
  ) {
    this.monitor = join(folder, 'qmp')
    this.memory = join(folder, 'ram')
    this.log = join(folder, 'log')
    this.network = createServer((socket) => {
      this.connection = socket
      let rest: Buffer = Buffer.alloc(0)
      socket.on('data', (chunk) => {
        rest = Buffer.concat([rest, chunk])
        let at = 0
        for (; rest.length - at >= 4 && rest.length - at >= 4 + rest.readUInt32BE(at); at += 4 + rest.readUInt32BE(at))
          this.wire.push(rest.subarray(at + 4, at + 4 + rest.readUInt32BE(at)))
        rest = rest.subarray(at)
      })
      socket.on('error', () => undefined)
    })
  }

  /** Resolves when frames have come. */
  async start(): Promise<void> {
    await this.load()
    await until('frames of the guest', () => this.wire.length > 10 && this.isUp())
  }

  /** Resolves when its monitor can be reached. */
  async load(): Promise<void> {
    const wire = join(this.folder, 'wire')
    await new Promise<void>((resolve) => this.network.listen(wire, resolve))
    const disk = join(this.folder, 'disk')
    writeFileSync(disk, Buffer.concat([this.program.sector, Buffer.alloc(1 << 20)]))
    this.child = spawn('qemu-system-x86_64', [
      ...['-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-m', `${MEMORY_BYTES >> 20}M`],
      ...['-machine', 'q35,hpet=off,sata=off,smbus=off,memory-backend=ram'],
      ...['-object', `memory-backend-file,id=ram,size=${MEMORY_BYTES},mem-path=${this.memory},share=on`],
      ...['-drive', `file=${disk},format=raw,if=none,id=disk,readonly=on`, '-device', 'virtio-blk-pci,drive=disk'],
      ...['-netdev', `stream,id=net,server=off,addr.type=unix,addr.path=${wire}`, ...this.program.device],
      ...['-qmp', `unix:${this.monitor},server=on,wait=off`, ...this.more],
    ])
    this.child.stderr?.on('data', (text: Buffer) => writeFileSync(this.log, text, { flag: 'a' }))
    await until('a monitor', () => this.isUp())
  }

  /**
   * As its memory says, of the frame that the guest is about to send, or sends; of the last one that it has sent; of the last one that a
   * virtio device has taken, of which it counts no more than 16 bits.
   */
  get numbers(): { readonly sending: number; readonly sent: number; readonly used: number } {
    const memory = readFileSync(this.memory)
    return { sending: memory.readUInt32LE(SENDING), sent: memory.readUInt32LE(SENT), used: memory.readUInt16LE(USED) }
  }

  /** What QEMU complained of. */
  said(): string {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : ''
  }

  /** To the guest. */
  send(frame: Buffer): void {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(frame.length)
    this.connection?.write(Buffer.concat([length, frame]))
  }

  private isUp(): boolean {
    if (this.child?.exitCode !== null) throw new Error(`QEMU ended: ${this.said()}`)
    return listens(this.monitor)
  }

  async kill(): Promise<void> {
    this.connection?.destroy()
    this.network.close()
    if (this.child === null) return
    this.child.kill('SIGKILL')
    await exited(this.child)
  }
}
