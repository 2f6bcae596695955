import { webcrypto } from 'node:crypto'
import { BLOCK_BYTES } from '../../core/domain/blocks'

/** SHA-256 of each block of the data, computed on the thread pool. The last block may be short. */
export async function blockDigests(data: Buffer): Promise<Buffer> {
  const blocks = Array.from({ length: Math.ceil(data.length / BLOCK_BYTES) }, (_, block) =>
    data.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES),
  )
  const digests = await Promise.all(blocks.map((block) => webcrypto.subtle.digest('SHA-256', block)))
  return Buffer.concat(digests.map((digest) => Buffer.from(digest)))
}
