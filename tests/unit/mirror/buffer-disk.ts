import { createHash } from 'node:crypto'
import { BLOCK_BYTES } from '../../../lib/core/domain/blocks'
import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'

/** Does to a disk that is a buffer what is asked of a replica; answers the data, null where there is none. */
export function performed(disk: Buffer, request: ReplicaRequest): Buffer | null {
  const { offset, length } = request
  const bytes = disk.subarray(offset, offset + length)
  if (request.kind === 'write') request.data.copy(bytes)
  if (request.kind === 'zero') bytes.fill(0)
  if (request.kind === 'read') return Buffer.from(bytes)
  if (request.kind !== 'hash') return null
  const digests: Buffer[] = []
  for (let at = 0; at < length; at += BLOCK_BYTES)
    digests.push(
      createHash('sha256')
        .update(bytes.subarray(at, at + BLOCK_BYTES))
        .digest(),
    )
  return Buffer.concat(digests)
}
