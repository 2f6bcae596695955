import type { DiskHandler, DiskRequest } from '../../lib/ports/disk-export'

/** A disk in memory that remembers what it was asked. */
export class MemoryDisk {
  readonly bytes: Buffer
  readonly asked: DiskRequest[] = []

  constructor(readonly sizeBytes: number) {
    this.bytes = Buffer.alloc(sizeBytes)
  }

  readonly handler: DiskHandler = (request, reply) => {
    this.asked.push(request)
    const { kind, offset, length } = request
    if (kind === 'write' && request.data !== undefined) request.data.copy(this.bytes, offset)
    if (kind === 'zero' || kind === 'trim') this.bytes.fill(0, offset, offset + length)
    const data = kind === 'read' ? Buffer.from(this.bytes.subarray(offset, offset + length)) : undefined
    setImmediate(() => reply(data === undefined ? { error: 0 } : { error: 0, data }))
  }
}
