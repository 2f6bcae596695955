import { existsSync, linkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { listening } from '../nbd/nbd-listen'
import { checkSocketPlace, removeSocket, socketInode } from './socket-place'

/** Where a held socket is bound; the name that clients know is linked to it. */
export const heldName = (path: string): string => `${path}.held`

/**
 * A listening unix socket that this process was started with and that outlives it: a client that comes between two of them waits for
 * the next, instead of being refused. It has its name only while it is open.
 */
export class HeldSocket {
  private accept: ((socket: Socket) => void) | null = null
  private failed: (error: Error) => void = () => undefined
  private server: Server | null = null

  constructor(
    private readonly fd: number,
    readonly path: string,
  ) {}

  /** Somebody may have tidied up; then another socket has to be made. */
  get isThere(): boolean {
    return existsSync(heldName(this.path))
  }

  /** Those who wait are accepted first. */
  async open(accept: (socket: Socket) => void, failed: (error: Error) => void): Promise<void> {
    this.accept = accept
    this.failed = failed
    this.publish()
    await this.listen()
  }

  /** Nobody finds it any more, and those who wait are turned away. */
  async shut(): Promise<void> {
    this.accept = null
    removeSocket(this.path)
    await this.listen()
  }

  /** Shuts it if nobody has opened it. */
  async settle(): Promise<void> {
    if (this.accept === null) await this.shut()
  }

  /** It may have been open when the process before died: then its name never goes away. */
  private publish(): void {
    const held = heldName(this.path)
    const inode = socketInode(held)
    if (inode !== null && socketInode(this.path) === inode) return
    checkSocketPlace(this.path)
    removeSocket(this.path)
    linkSync(held, this.path)
  }

  private async listen(): Promise<void> {
    if (this.server !== null) return
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      if (this.accept === null) socket.destroy()
      else this.accept(socket)
    })
    this.server = server
    await listening(server, () => server.listen({ fd: this.fd }))
    server.on('error', (error) => this.failed(error))
  }
}
