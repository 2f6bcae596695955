import { PAYLOAD_BYTES_MAX, TRANSMISSION } from './numbers'

/** What a server says about an export. */
export interface NbdFacts {
  readonly sizeBytes: number
  readonly readOnly: boolean
  readonly canFlush: boolean
  readonly canFua: boolean
  readonly canWriteZeroes: boolean
  /** Offsets and lengths have to be multiples of this power of two; the size is one. */
  readonly blockBytes: number
  /** The most that one read or write may carry, a multiple of `blockBytes`. */
  readonly payloadBytesMax: number
}

export interface BlockLimits {
  readonly blockBytes: number
  readonly payloadBytesMax: number
}

/** A server's smallest block is at most this by the protocol. */
const BLOCK_BYTES_MAX = 64 * 1024
/** What every server can be asked for when it says nothing of its limits. */
const SECTOR_BYTES = 512

const limitsUnsaid = (sizeBytes: number): BlockLimits => ({
  blockBytes: sizeBytes % SECTOR_BYTES === 0 ? SECTOR_BYTES : 1,
  payloadBytesMax: PAYLOAD_BYTES_MAX,
})

/** Null when the limits contradict each other or the protocol. */
export function limitsSaid(blockBytes: number, payloadBytesMax: number): BlockLimits | null {
  const isPowerOfTwo = blockBytes > 0 && (blockBytes & (blockBytes - 1)) === 0
  if (!isPowerOfTwo || blockBytes > BLOCK_BYTES_MAX || payloadBytesMax < blockBytes) return null
  const most = Math.min(payloadBytesMax, PAYLOAD_BYTES_MAX)
  return { blockBytes, payloadBytesMax: most - (most % blockBytes) }
}

/** Null when the size cannot be: not a multiple of the block, or past what a number holds exactly. */
export function factsOf(size: bigint, flags: number, said: BlockLimits | null): NbdFacts | null {
  const sizeBytes = Number(size)
  const limits = said ?? limitsUnsaid(sizeBytes)
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes % limits.blockBytes !== 0) return null
  const has = (flag: number): boolean => (flags & TRANSMISSION.hasFlags) !== 0 && (flags & flag) !== 0
  return {
    ...{ sizeBytes, ...limits, readOnly: has(TRANSMISSION.readOnly) },
    ...{ canFlush: has(TRANSMISSION.sendFlush), canFua: has(TRANSMISSION.sendFua) },
    canWriteZeroes: has(TRANSMISSION.sendWriteZeroes),
  }
}
