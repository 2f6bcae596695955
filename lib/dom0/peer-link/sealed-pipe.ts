import type { Socket } from 'node:net'
import { assert, must } from '../../core/domain/assert'
import type { Inbox } from '../../wire/nbd/inbox'
import type { Memory } from '../../wire/nbd/slab'
import { DirectSend } from '../socket/direct-send'
import { TLS_STATE, type NativeTls, type TlsSession } from '../socket/native-tls'
import { unconnected, withOnread } from '../socket/socket-onread'
import type { OpenPipe, Pipe, PipeLimits } from './pipe'

const MIB = 1024 * 1024
/** A record is cheaper the fuller it is, so small frames are put together; a large payload is sealed from where it lies. */
const LIMITS: PipeLimits = { copied: 8 * 1024, sheet: 64 * 1024, ahead: MIB }
/** What is read at once, at first and after it was not enough. */
const READ_BYTES = { first: 16 * 1024, more: 256 * 1024 }
/** A record of 16 KiB has 22 bytes around it, one of 1.2 a few more. */
const RECORD_BYTES = 16 * 1024
const AROUND_RECORD_BYTES = 64
/** One key of AES-GCM is good for 2^24.5 full records; it is given up long before. */
const RENEW_AFTER_RECORDS = 2 ** 22
/** Of a handshake, more often than not all at once. */
const OWN_WORDS_BYTES = 4 * 1024
const NOTHING = Buffer.alloc(0)

export interface Sealing {
  readonly native: NativeTls
  readonly memory: Memory
  readonly isServer: boolean
  readonly pool: string
  readonly key: Buffer
  /** The other side has the key. To be opened before this returns. */
  readonly proven: (open: OpenPipe) => void
  /** It has not. The socket is destroyed. Later failures are the socket's. */
  readonly failed: (why: string) => void
  /** Default: as many as a key is good for. */
  readonly renewAfterRecords?: number
}

/** A connection under TLS, which the addon knows how to speak; here is what carries its words. */
export class SealedPipe implements Pipe {
  readonly limits = LIMITS
  private readonly session: TlsSession
  private readonly result = new Int32Array(4)
  private sealed: Buffer
  private inbox: Inbox | null = null
  private arrived: () => void = () => undefined
  private isOver = false
  private recordsLeft: number
  readonly socket: Socket
  private readonly direct: DirectSend

  /** `accepted`: paused, and has read nothing. Null: a socket that is to be connected by the caller. */
  constructor(
    accepted: Socket | null,
    private readonly sealing: Sealing,
  ) {
    const { native, isServer, pool, key, memory } = sealing
    this.session = native.begin(isServer, pool, key)
    this.sealed = memory.lend(READ_BYTES.first)
    this.recordsLeft = sealing.renewAfterRecords ?? RENEW_AFTER_RECORDS
    const onread = {
      buffer: () => this.sealed,
      callback: (bytes: number) => {
        this.came(this.sealed.subarray(0, bytes))
        return true
      },
    }
    const inPlace = accepted === null ? unconnected(onread) : withOnread(accepted, onread)
    this.socket =
      inPlace ?? must(accepted, 'what is not connected is made to be read').on('data', (bytes: Buffer) => this.came(bytes))
    this.direct = new DirectSend(this.socket)
    this.socket.setNoDelay(true)
    this.socket.once('connect', () => this.tell())
    this.socket.on('error', () => undefined)
    this.socket.once('close', () => this.gone())
    if (accepted !== null) this.socket.resume()
  }

  send(pieces: readonly Buffer[], left: () => void): void {
    if (this.isOver) return
    const { native, memory } = this.sealing
    let [records, room] = [0, AROUND_RECORD_BYTES]
    for (const { length } of pieces) {
      records += Math.ceil(length / RECORD_BYTES)
      room += length
    }
    this.renewBefore(records)
    const into = memory.lend(room + AROUND_RECORD_BYTES * records)
    let at = 0
    for (const piece of pieces) {
      at = native.seal(this.session, piece, into, at)
      if (at < 0) {
        this.fail()
        return
      }
    }
    this.direct.sendAll([into.subarray(0, at)], (error) => {
      memory.takeBack(into)
      if (error == null) left()
    })
  }

  close(): void {
    if (!this.isOver) {
      this.sealing.native.end(this.session)
      this.tell()
    }
    this.socket.destroySoon()
  }

  private renewBefore(records: number): void {
    const { native, renewAfterRecords = RENEW_AFTER_RECORDS } = this.sealing
    this.recordsLeft -= records
    if (this.recordsLeft > 0) return
    native.renew(this.session)
    this.recordsLeft = renewAfterRecords
  }

  private came(bytes: Buffer): void {
    const wasFull = bytes.length === this.sealed.length
    let from = bytes
    while (!this.isOver) {
      this.sealing.native.open(this.session, from, this.inbox?.space() ?? NOTHING, this.result)
      const [used = 0, filled = 0, state = TLS_STATE.failed, ownWords = 0] = this.result
      if (ownWords > 0) this.tell()
      if (filled > 0) {
        this.inbox?.filled(filled)
        this.arrived()
      }
      if (state === TLS_STATE.over) {
        this.socket.end()
        break
      }
      if (state === TLS_STATE.failed) this.fail()
      else if (state === TLS_STATE.open && this.inbox === null) this.open()
      else if (used === 0 && filled === 0) break
      if (used > 0) from = from.subarray(used)
    }
    if (wasFull) this.readMore()
  }

  private open(): void {
    this.sealing.proven((inbox, arrived) => {
      this.inbox = inbox
      this.arrived = arrived
      return this
    })
    assert(this.inbox !== null, 'a proven connection is opened at once')
  }

  private tell(): void {
    const { native } = this.sealing
    const into = Buffer.allocUnsafe(OWN_WORDS_BYTES)
    for (let count = native.tell(this.session, into); count > 0; count = native.tell(this.session, into))
      this.socket.write(Buffer.from(into.subarray(0, count)))
  }

  private fail(): void {
    this.isOver = true
    const why = this.sealing.native.why(this.session)
    this.tell()
    if (this.inbox === null) {
      this.socket.destroySoon()
      this.sealing.failed(why)
    } else this.socket.destroy(new Error(`TLS: ${why}`))
  }

  private readMore(): void {
    if (this.isOver || this.sealed.length >= READ_BYTES.more) return
    this.sealing.memory.takeBack(this.sealed)
    this.sealed = this.sealing.memory.lend(READ_BYTES.more)
  }

  private gone(): void {
    this.isOver = true
    this.arrived = () => undefined
    this.sealing.memory.takeBack(this.sealed)
  }
}
