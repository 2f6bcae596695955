import type { Socket } from 'node:net'

/** Node counts the connections of a server until their handle is moved. Here they are counted until they end. */
export class Doorway {
  private readonly strangers = new Set<Socket>()
  private open = 0

  constructor(private readonly connectionsMax: number) {}

  /** Whoever waits longest without having proven anything makes room; where nobody does, this one is closed. */
  entered(socket: Socket): void {
    this.open++
    this.strangers.add(socket)
    socket.once('close', () => {
      this.open--
      this.strangers.delete(socket)
    })
    if (this.open <= this.connectionsMax) return
    const [first = socket] = this.strangers
    this.strangers.delete(first)
    first.destroy()
  }

  known(socket: Socket): void {
    this.strangers.delete(socket)
  }
}
