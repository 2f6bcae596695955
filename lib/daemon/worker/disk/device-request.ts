import { InvariantViolation } from '../../../core/domain/assert'
import type { ReplicaRequest } from '../../../core/domain/replica-request'
import type { BlockDevice } from '../../../ports/block-device'
import type { WorkerParts } from '../parts'

/**
 * Resolves with the data of a read or the digests of a hash. No more promises than the device makes: this is on the way of every
 * write. `mayWait`: see BlockDevice.
 */
export function askDevice(
  device: BlockDevice,
  digest: WorkerParts['digest'],
  request: ReplicaRequest,
  mayWait: boolean,
): Promise<unknown> {
  switch (request.kind) {
    case 'read': {
      const data = request.room?.() ?? Buffer.allocUnsafe(request.length)
      return device.read(request.offset, data).then(() => data)
    }
    case 'hash': {
      const data = Buffer.allocUnsafe(request.length)
      return device.read(request.offset, data).then(() => digest(data))
    }
    case 'write': {
      const written = device.write(request.offset, request.data, mayWait && !request.fua)
      return request.fua ? written.then(() => device.flush()) : written
    }
    case 'zero': {
      const zeroed = device.zero(request.offset, request.length, request.punch)
      return request.fua ? zeroed.then(() => device.flush()) : zeroed
    }
    case 'flush':
      return device.flush(mayWait)
    case 'mark':
      throw new InvariantViolation('a mark is not for the device')
  }
}
