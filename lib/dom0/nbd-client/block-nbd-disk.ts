import { assert } from '../../core/domain/assert'
import type { BlockDevice } from '../../ports/block-device'
import type { NbdFacts } from '../../wire/nbd/client-facts'
import { COMMAND, COMMAND_FLAG } from '../../wire/nbd/numbers'
import type { NbdSource } from '../../wire/replica-source'
import { nbdFailure } from './block-nbd-failure'
import type { NbdSession } from './block-nbd-session'
import { codeOf } from '../system/system-error'

/** How an answered write comes to be on stable storage: by a flush, by FUA on every write, or because the server says so. */
export type NbdDurability = 'flush' | 'fua' | 'write-through'

/** So that a server without a quick way to zero answers before anybody takes it for dead. */
const ZERO_BYTES_MAX = 64 * 1024 * 1024
const ZEROES = Buffer.alloc(1024 * 1024)
/** Writes of zeroes that are under way together. */
const ZERO_WRITES_MAX = 4

/** An export as a disk, for offsets and lengths that are multiples of the server's smallest block. */
export class NbdDisk implements BlockDevice {
  /** After one failed flush the server may report the next as good although the data is lost. */
  private flushFailed = false
  private canZero: boolean
  private readonly changeFlags: number

  constructor(
    private readonly session: NbdSession,
    private readonly source: NbdSource,
    private readonly facts: NbdFacts,
    private readonly durability: NbdDurability,
  ) {
    this.canZero = facts.canWriteZeroes
    this.changeFlags = durability === 'fua' ? COMMAND_FLAG.fua : 0
  }

  get sizeBytes(): number {
    return this.facts.sizeBytes
  }

  read(offset: number, into: Buffer): Promise<void> {
    return this.pieces(offset, into.length, this.facts.payloadBytesMax, (at, from, length) =>
      this.session.ask({ command: COMMAND.read, flags: 0, offset: at, length, into: into.subarray(from, from + length) }),
    )
  }

  write(offset: number, data: Buffer): Promise<void> {
    const { changeFlags: flags } = this
    return this.pieces(offset, data.length, this.facts.payloadBytesMax, (at, from, length) =>
      this.session.ask({ command: COMMAND.write, flags, offset: at, length, data: data.subarray(from, from + length) }),
    )
  }

  async zero(offset: number, length: number, punch: boolean): Promise<void> {
    const flags = this.changeFlags | (punch ? 0 : COMMAND_FLAG.noHole)
    const step = this.canZero ? ZERO_BYTES_MAX : ZEROES.length * ZERO_WRITES_MAX
    for (let done = 0; done < length; done += step) {
      const bytes = Math.min(step, length - done)
      if (!this.canZero || !(await this.askedToZero(flags, offset + done, bytes))) await this.writeZeroes(offset + done, bytes)
    }
  }

  async flush(): Promise<void> {
    if (this.flushFailed) throw nbdFailure('EIO', this.source, 'an earlier flush failed')
    if (this.durability !== 'flush') return this.session.present()
    try {
      await this.session.ask({ command: COMMAND.flush, flags: 0, offset: 0, length: 0 })
    } catch (error) {
      this.flushFailed = true
      throw error
    }
  }

  close(): Promise<void> {
    return this.session.close()
  }

  /** False: the server cannot after all. */
  private async askedToZero(flags: number, offset: number, length: number): Promise<boolean> {
    try {
      await this.session.ask({ command: COMMAND.writeZeroes, flags, offset, length })
      return true
    } catch (error) {
      if (codeOf(error) !== 'ENOTSUP' && codeOf(error) !== 'EOPNOTSUPP') throw error
      this.canZero = false
      return false
    }
  }

  private writeZeroes(offset: number, length: number): Promise<void> {
    const max = Math.min(ZEROES.length, this.facts.payloadBytesMax)
    return this.pieces(offset, length, max, (at, _, bytes) => this.write(at, ZEROES.subarray(0, bytes)))
  }

  private pieces(offset: number, length: number, max: number, ask: AskPiece): Promise<void> {
    const { blockBytes } = this.facts
    assert(offset % blockBytes === 0 && length % blockBytes === 0, 'the server is asked for whole blocks')
    if (length <= max) return length === 0 ? Promise.resolve() : ask(offset, 0, length)
    const asked: Promise<void>[] = []
    for (let from = 0; from < length; from += max) asked.push(ask(offset + from, from, Math.min(max, length - from)))
    return allOver(asked)
  }
}

type AskPiece = (at: number, from: number, length: number) => Promise<void>

/** Rejects only when none is under way any more, so that a caller's buffer is its own again. */
async function allOver(asked: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(asked)
  await Promise.all(asked)
}
