import type { Writable } from 'node:stream'
import { REPLY_BYTES_MAX } from '../../wire/nbd/replies'
import type { Memory } from '../../wire/nbd/slab'
import { DirectSend } from '../socket/direct-send'

/** What goes with answers: the requests that they end, and memory that is free once they are gone. */
interface Parcel {
  requests: number
  bytes: number
  readonly memory: Buffer[]
}

/** Answers are collected in pieces of this size. */
const SLAB_BYTES = 64 * 1024
/** Copying so much costs less than naming it to the kernel as one more piece. */
const COPIED_BYTES_MAX = 8 * 1024

/**
 * Answers on their way to one client. Those that are ready together leave together, in one call; says when the system has taken
 * them.
 */
export class Outbox {
  private slab: Buffer
  private start = 0
  private at = 0
  private pieces: Buffer[] = []
  private parcel = empty()
  private direct: DirectSend
  private readonly sent: Parcel[] = []
  private scheduled: NodeJS.Immediate | null = null
  private readonly onWritten = (): void => {
    const parcel = this.sent.shift()
    if (parcel !== undefined) this.taken(parcel)
  }

  constructor(
    private socket: Writable,
    private readonly memory: Memory,
    private readonly onTaken: (requests: number, bytes: number) => void,
  ) {
    this.direct = new DirectSend(socket)
    this.slab = memory.lend(SLAB_BYTES)
  }

  /** Bytes that were sent and not taken. */
  get untakenBytes(): number {
    return this.socket.writableLength
  }

  /** What follows leaves through another one. */
  redirect(socket: Writable): void {
    this.socket = socket
    this.direct = new DirectSend(socket)
  }

  /** `put` writes a header at the place that it is given, and answers its length. */
  header(put: (into: Buffer, at: number) => number): void {
    if (this.at + REPLY_BYTES_MAX > this.slab.length) this.renew()
    this.at += put(this.slab, this.at)
  }

  /** Not to be changed until it is taken. */
  data(bytes: Buffer): void {
    if (bytes.length > COPIED_BYTES_MAX) {
      this.cut()
      this.pieces.push(bytes)
      return
    }
    if (this.at + bytes.length > this.slab.length) this.renew()
    this.at += bytes.copy(this.slab, this.at)
  }

  /** The answer to a request that held `bytes` is complete. `memory` was used for it. */
  ends(bytes: number, memory: Buffer | null = null): void {
    this.parcel.requests++
    this.parcel.bytes += bytes
    if (memory !== null) this.parcel.memory.push(memory)
  }

  /** With whatever else becomes ready before the system is asked for news. */
  flushSoon(): void {
    this.scheduled ??= setImmediate(() => {
      this.scheduled = null
      this.flush()
    })
  }

  flush(): void {
    this.cut()
    if (this.pieces.length === 0) return
    const { pieces, parcel } = this
    this.pieces = []
    this.parcel = empty()
    this.sent.push(parcel)
    this.direct.sendAll(pieces, this.onWritten)
  }

  /** The client is gone. Its memory may still be looked at by the system, so it is left to the garbage collector. */
  close(): void {
    if (this.scheduled !== null) clearImmediate(this.scheduled)
    const parcels = [...this.sent.splice(0), this.parcel]
    this.parcel = empty()
    for (const { requests, bytes } of parcels) this.onTaken(requests, bytes)
  }

  private taken({ requests, bytes, memory }: Parcel): void {
    for (const buffer of memory) this.memory.takeBack(buffer)
    if (this.sent.length === 0 && this.start === this.at && this.pieces.length === 0) this.start = this.at = 0
    this.onTaken(requests, bytes)
  }

  private renew(): void {
    this.cut()
    this.parcel.memory.push(this.slab)
    this.slab = this.memory.lend(SLAB_BYTES)
    this.start = this.at = 0
  }

  private cut(): void {
    if (this.start === this.at) return
    this.pieces.push(this.slab.subarray(this.start, this.at))
    this.start = this.at
  }
}

const empty = (): Parcel => ({ requests: 0, bytes: 0, memory: [] })
