import type { GuestFrame } from '../core/domain/guest-frame'

/** In front of each frame, big endian: u16 its interface, u32 its bytes. */
const HEAD_BYTES = 6
const NIC_LIMIT = 2 ** 16

/** Frames as one piece of bytes. */
export const packFrames = (frames: readonly GuestFrame[]): Buffer =>
  Buffer.concat(
    frames.flatMap(({ nic, bytes }) => {
      const head = Buffer.allocUnsafe(HEAD_BYTES)
      head.writeUInt16BE(nic % NIC_LIMIT, 0)
      head.writeUInt32BE(bytes.length, 2)
      return [head, bytes]
    }),
  )

/** They share its memory; or what is wrong. */
export function unpackFrames(packed: Buffer): readonly GuestFrame[] | string {
  const frames: GuestFrame[] = []
  for (let at = 0; at < packed.length;) {
    const from = at + HEAD_BYTES
    if (from > packed.length) return "half the head of a guest's frame"
    const end = from + packed.readUInt32BE(at + 2)
    if (end === from || end > packed.length) return `a guest's frame of ${end - from} bytes in ${packed.length - from}`
    frames.push({ nic: packed.readUInt16BE(at), bytes: packed.subarray(from, end) })
    at = end
  }
  return frames
}

/** Bytes that a frame of a guest takes among others. */
export const packedBytes = ({ bytes }: GuestFrame): number => HEAD_BYTES + bytes.length
