import type { BlockDevice } from '../../ports/block-device'
import type { NbdFacts } from '../../wire/nbd/client-facts'
import type { NbdSource } from '../../wire/replica-source'
import { dialNbd } from './block-nbd-dial'
import { NbdDisk, type NbdDurability } from './block-nbd-disk'
import { AnyOffset } from './block-nbd-edges'
import { nbdFailure } from './block-nbd-failure'
import { NbdSession } from './block-nbd-session'

/** For connecting and negotiating together. */
const HANDSHAKE_MS = 10_000
/** Enough for any depth that a mirror reaches; more would only lie in the server's queue. */
const REQUESTS_MAX = 128
/** tapdisk ends the connection at the ninth request; large ones would keep its few slots from everything else. */
const TAPDISK_REQUESTS_MAX = 8
const TAPDISK_PAYLOAD_BYTES_MAX = 1024 * 1024

/**
 * A replica that another NBD server keeps. Rejects with the codes of `dialNbd`, `ESIZE` when the export is not as large as it
 * should be, `EROFS` when it cannot be written, `ENOFLUSH` when nothing would tell that a write is on stable storage. When the
 * connection is lost, every request under way and every later one rejects (ECONNRESET, EPROTO, ...); none is sent twice, and to
 * open the replica again is the caller's.
 */
export async function openBlockNbd(source: NbdSource, sizeBytes: number, handshakeMs = HANDSHAKE_MS): Promise<BlockDevice> {
  const dialled = await dialNbd(source, handshakeMs)
  const isTapdisk = source.dialect === 'tapdisk'
  const session = new NbdSession(dialled, source, isTapdisk ? TAPDISK_REQUESTS_MAX : REQUESTS_MAX)
  const { facts } = dialled
  const durability = durabilityOf(source, facts)
  try {
    if (facts.sizeBytes !== sizeBytes)
      throw nbdFailure('ESIZE', source, `it has ${facts.sizeBytes} bytes instead of ${sizeBytes}`)
    if (facts.readOnly) throw nbdFailure('EROFS', source, 'it cannot be written')
    if (durability === null)
      throw nbdFailure('ENOFLUSH', source, 'it offers neither flush nor FUA and is not said to be write-through')
    const payloadBytesMax = isTapdisk ? Math.min(TAPDISK_PAYLOAD_BYTES_MAX, facts.payloadBytesMax) : facts.payloadBytesMax
    const disk = new NbdDisk(session, source, { ...facts, payloadBytesMax }, durability)
    return new NbdReplica(facts.blockBytes === 1 ? disk : new AnyOffset(disk, facts.blockBytes), source)
  } catch (error) {
    await session.close()
    throw error
  }
}

/** The size that the server tells. Rejects with the codes of `dialNbd`. */
export async function sizeOfNbd(source: NbdSource, handshakeMs = HANDSHAKE_MS): Promise<number> {
  const dialled = await dialNbd(source, handshakeMs)
  await new NbdSession(dialled, source, 1).close()
  return dialled.facts.sizeBytes
}

function durabilityOf({ dialect, writeThrough }: NbdSource, { canFlush, canFua }: NbdFacts): NbdDurability | null {
  if (canFlush) return 'flush'
  if (canFua) return 'fua'
  return writeThrough === true || dialect === 'tapdisk' ? 'write-through' : null
}

/** Lets nothing outside the disk pass. */
class NbdReplica implements BlockDevice {
  constructor(
    private readonly disk: BlockDevice,
    private readonly source: NbdSource,
  ) {}

  get sizeBytes(): number {
    return this.disk.sizeBytes
  }

  read(offset: number, into: Buffer): Promise<void> {
    return this.outside(offset, into.length) ?? this.disk.read(offset, into)
  }

  write(offset: number, data: Buffer): Promise<void> {
    return this.outside(offset, data.length) ?? this.disk.write(offset, data)
  }

  zero(offset: number, length: number, punch: boolean): Promise<void> {
    return this.outside(offset, length) ?? this.disk.zero(offset, length, punch)
  }

  flush(): Promise<void> {
    return this.disk.flush()
  }

  close(): Promise<void> {
    return this.disk.close()
  }

  private outside(offset: number, length: number): Promise<void> | null {
    const { sizeBytes } = this.disk
    if (Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= sizeBytes) return null
    return Promise.reject(nbdFailure('EINVAL', this.source, `${length} bytes at ${offset} are not inside ${sizeBytes}`))
  }
}
