import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { RedirectedFrames } from '../../wire/redirected-frames'
import { Malformed } from '../../wire/shape'
import { checkSocketPlace } from '../socket/socket-place'
import { failure } from '../system/system-error'

/** For QEMU to take what was released; longer than a busy host takes. */
const LIMIT_MS = 5000
/** QEMU reads 4 KiB in a turn and may write much more. What does not fit is lost, as on any network whose queue is full. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024

export interface RedirectedEvents {
  sent(bytes: Buffer): void
  came(bytes: Buffer): void
  /** At most once. */
  lost(error: Error): void
}

/** Our ends of a network interface's sockets. */
export interface NicSockets {
  readonly toNetwork: Socket
  readonly fromGuest: Socket
  readonly forGuest: Socket
}

/**
 * One network interface of a guest. What QEMU writes is read whatever happens: it stands still with its lock held while a socket is
 * full.
 */
export class RedirectedNic {
  private readonly frames = new RedirectedFrames()
  private readonly coming = new RedirectedFrames()
  private bytes = 0
  private isOver = false

  constructor(
    private readonly sockets: NicSockets,
    private readonly events: RedirectedEvents,
  ) {
    const { toNetwork, fromGuest, forGuest } = sockets
    fromGuest.on('data', (chunk) => this.read(chunk))
    forGuest.on('data', (chunk) => this.cut(this.coming, chunk, (bytes) => this.events.came(bytes)))
    toNetwork.resume()
    for (const socket of this.all) {
      socket.on('error', (error) => this.lose(error))
      socket.on('close', () => this.lose(failure('ECONNRESET', "QEMU has closed a socket of the guest's output")))
    }
  }

  /** All that was read of what the guest sent. */
  get readBytes(): number {
    return this.bytes
  }

  /** A part of a frame was read, and the rest was not. */
  get isTorn(): boolean {
    return this.frames.tornBytes > 0
  }

  release(frame: Buffer): void {
    const { toNetwork } = this.sockets
    if (this.isOver || toNetwork.writableLength > WAITING_BYTES_MAX) return
    toNetwork.write(frame)
  }

  /** Nothing is released any more; resolves when QEMU has taken all that was, is gone, or hangs. */
  async finish(): Promise<void> {
    if (this.isOver) return
    this.isOver = true
    const { toNetwork } = this.sockets
    toNetwork.setTimeout(LIMIT_MS, () => toNetwork.destroy())
    await new Promise<void>((resolve) => {
      toNetwork.once('close', () => resolve())
      toNetwork.end()
    })
  }

  /** What the guest sends is thrown away from now on, for as long as the redirectors are there. */
  destroy(): void {
    this.isOver = true
    for (const socket of this.all) socket.destroy()
  }

  private get all(): readonly Socket[] {
    const { toNetwork, fromGuest, forGuest } = this.sockets
    return [toNetwork, fromGuest, forGuest]
  }

  private read(chunk: Buffer): void {
    this.bytes += chunk.length
    this.cut(this.frames, chunk, (bytes) => this.events.sent(bytes))
  }

  private cut(frames: RedirectedFrames, chunk: Buffer, tell: (bytes: Buffer) => void): void {
    try {
      for (const frame of frames.push(chunk)) tell(frame)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.lose(failure('EPROTO', `QEMU wrote what is no frame: ${error.message}`))
    }
  }

  private lose(error: Error): void {
    if (this.isOver) return
    this.destroy()
    this.events.lost(error)
  }
}

/** Listens on `path` for the one who comes because of `ask`. Rejects with its error, or with the system's. */
export async function acceptOne(path: string, ask: () => Promise<unknown>): Promise<Socket> {
  checkSocketPlace(path)
  await rm(path, { force: true })
  const server = createServer()
  try {
    server.listen(path)
    await once(server, 'listening')
    const came = new Promise<Socket>((resolve) => server.once('connection', resolve))
    await ask()
    return await came
  } finally {
    server.close()
  }
}
