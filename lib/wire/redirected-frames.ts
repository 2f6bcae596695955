import { ByteQueue } from './byte-queue'
import { Malformed } from './shape'

/** The length of the frame and that of its virtio header, which are both part of what is passed on. */
const HEAD_BYTES = 8
/** What QEMU has room for when it reads one. */
const FRAME_BYTES_MAX = 4096 + 65_536
/** Of virtio 1.x, with a hash. */
const VNET_HEADER_BYTES_MAX = 20

/** Cuts what a redirector of QEMU with `vnet_hdr_support` writes into frames, each with its head and otherwise as it came. */
export class RedirectedFrames {
  private readonly queue = new ByteQueue()
  private head: Buffer | null = null

  /** Bytes of a frame that is not whole yet. */
  get tornBytes(): number {
    return (this.head?.length ?? 0) + this.queue.length
  }

  /** The frames that `chunk` completes; they share its memory. Throws Malformed; then the stream is of no more use. */
  push(chunk: Buffer): readonly Buffer[] {
    this.queue.push(chunk)
    const frames: Buffer[] = []
    for (let frame = this.next(); frame !== null; frame = this.next()) frames.push(frame)
    return frames
  }

  private next(): Buffer | null {
    this.head ??= checked(this.queue.take(HEAD_BYTES))
    if (this.head === null) return null
    const body = this.queue.take(this.head.readUInt32BE(0))
    if (body === null) return null
    const frame = joined(this.head, body)
    this.head = null
    return frame
  }
}

function checked(head: Buffer | null): Buffer | null {
  if (head === null) return null
  const [frameBytes, headerBytes] = [head.readUInt32BE(0), head.readUInt32BE(4)]
  if (frameBytes === 0 || frameBytes > FRAME_BYTES_MAX) throw new Malformed(`frame of ${frameBytes} bytes`)
  if (headerBytes > Math.min(VNET_HEADER_BYTES_MAX, frameBytes)) throw new Malformed(`virtio header of ${headerBytes} bytes`)
  return head
}

/** Without a copy where they lie side by side, as in most chunks. */
function joined(head: Buffer, body: Buffer): Buffer {
  const lieTogether = head.buffer === body.buffer && head.byteOffset + head.length === body.byteOffset
  return lieTogether ? Buffer.from(head.buffer, head.byteOffset, head.length + body.length) : Buffer.concat([head, body])
}
