import type { Socket } from 'node:net'
import type { ByteQueue } from '../../wire/byte-queue'
import { NbdReplies } from '../../wire/nbd/client-replies'
import { requestHeader } from '../../wire/nbd/client-requests'
import { COMMAND } from '../../wire/nbd/numbers'
import type { NbdSource } from '../../wire/replica-source'
import type { NbdDialled } from './block-nbd-dial'
import { errnoName, isSystemCode, nbdFailure } from './block-nbd-failure'
import { codeOf, textOf } from '../system/system-error'

export interface NbdAsk {
  readonly command: number
  readonly flags: number
  readonly offset: number
  readonly length: number
  /** A write's payload; not copied, so it must stay as it is until the request is over. */
  readonly data?: Buffer
  /** Where a read's payload goes. */
  readonly into?: Buffer
}

interface Asked extends NbdAsk {
  filledBytes: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** More payload than this is not under way, unless one request alone is larger; the rest waits its turn. */
const UNDER_WAY_BYTES_MAX = 32 * 1024 * 1024
/** Who closes has no more use for an answer; a server that gives none is left. */
const GOODBYE_MS = 2000

/**
 * Requests of one connection. When it is lost, whatever was asked and not answered rejects, and so does all that is asked later;
 * nothing is asked twice.
 */
export class NbdSession {
  private readonly asked = new Map<number, Asked>()
  private readonly waiting: Asked[] = []
  private readonly replies: NbdReplies
  private readonly socket: Socket
  private readonly queue: ByteQueue
  private cookies = 0
  private underWayBytes = 0
  private corked = false
  private lost: Error | null = null
  private closing: Promise<void> | null = null
  private whenIdle: (() => void) | null = null

  constructor(
    { socket, queue }: NbdDialled,
    private readonly source: NbdSource,
    private readonly requestsMax: number,
  ) {
    this.socket = socket
    this.queue = queue
    this.replies = new NbdReplies({
      dataBytes: (cookie) => this.expectedBytes(cookie),
      dataFollowsErrors: source.dialect === 'tapdisk',
    })
    socket.on('data', (chunk: Buffer) => this.understand(chunk))
    socket.on('error', (error) => this.broke(error))
    socket.on('end', () => this.lose('ECONNRESET', 'the server closed the connection'))
    socket.on('close', () => this.lose('ECONNRESET', 'the server closed the connection'))
    if (queue.length > 0) this.lose('EPROTO', 'an answer before the first question')
    socket.resume()
  }

  ask(ask: NbdAsk): Promise<void> {
    return new Promise((resolve, reject) => {
      const trouble = this.trouble()
      if (trouble !== null) {
        reject(trouble)
        return
      }
      const asked = { ...ask, filledBytes: 0, resolve, reject }
      if (this.waiting.length === 0 && this.hasRoom(asked)) this.send(asked)
      else this.waiting.push(asked)
    })
  }

  /** Rejects when requests would. */
  present(): Promise<void> {
    const trouble = this.trouble()
    return trouble === null ? Promise.resolve() : Promise.reject(trouble)
  }

  /** What was asked before is waited for, within reason. */
  close(): Promise<void> {
    this.closing ??= this.sayGoodbye()
    return this.closing
  }

  private trouble(): Error | null {
    return this.closing === null ? this.lost : nbdFailure('EBADF', this.source, 'it was closed')
  }

  private hasRoom(next: Asked): boolean {
    if (this.asked.size === 0) return true
    return this.asked.size < this.requestsMax && this.underWayBytes + payloadBytes(next) <= UNDER_WAY_BYTES_MAX
  }

  private send(asked: Asked): void {
    const cookie = ++this.cookies
    this.asked.set(cookie, asked)
    this.underWayBytes += payloadBytes(asked)
    this.write(requestHeader(asked.command, asked.flags, cookie, asked.offset, asked.length))
    if (asked.data !== undefined) this.write(asked.data)
  }

  /** What is asked together leaves together. */
  private write(bytes: Buffer): void {
    const { socket } = this
    if (!this.corked) {
      this.corked = true
      socket.cork()
      process.nextTick(() => {
        this.corked = false
        socket.uncork()
      })
    }
    socket.write(bytes)
  }

  private expectedBytes(cookie: number): number | undefined {
    const asked = this.asked.get(cookie)
    return asked === undefined ? undefined : (asked.into?.length ?? 0)
  }

  private understand(chunk: Buffer): void {
    this.queue.push(chunk)
    while (this.lost === null) {
      const step = this.replies.next(this.queue)
      if (step === null) return
      if (step.kind === 'garbage') this.lose('EPROTO', step.reason)
      else if (step.kind === 'data') this.fill(step.cookie, step.bytes)
      else this.finish(step.cookie, step.errno)
    }
  }

  private fill(cookie: number, bytes: Buffer): void {
    const asked = this.asked.get(cookie)
    if (asked?.into === undefined) return
    bytes.copy(asked.into, asked.filledBytes)
    asked.filledBytes += bytes.length
  }

  private finish(cookie: number, errno: number): void {
    const asked = this.asked.get(cookie)
    if (asked === undefined) return
    this.asked.delete(cookie)
    this.underWayBytes -= payloadBytes(asked)
    if (errno === 0) asked.resolve()
    else asked.reject(nbdFailure(errnoName(errno), this.source, `${nameOf(asked)} failed`))
    for (let next = this.waiting[0]; next !== undefined && this.hasRoom(next); next = this.waiting[0]) {
      this.waiting.shift()
      this.send(next)
    }
    if (this.asked.size === 0) this.whenIdle?.()
  }

  /** However the system words it, a server that is gone is ECONNRESET; what is not the system's is TLS's. */
  private broke(error: Error): void {
    const code = codeOf(error)
    this.lose(code === 'EPIPE' ? 'ECONNRESET' : isSystemCode(code) ? code : 'EPROTO', textOf(error))
  }

  private lose(code: string, reason: string): void {
    if (this.lost !== null) return
    this.lost = nbdFailure(code, this.source, reason)
    this.socket.destroy()
    for (const { reject } of [...this.asked.values(), ...this.waiting]) reject(this.lost)
    this.asked.clear()
    this.waiting.length = 0
    this.whenIdle?.()
  }

  private async sayGoodbye(): Promise<void> {
    const { socket } = this
    const limit = setTimeout(() => this.lose('ETIMEDOUT', 'closed before it answered'), GOODBYE_MS)
    if (this.asked.size > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve))
    if (this.lost === null) {
      this.write(requestHeader(COMMAND.disconnect, 0, ++this.cookies, 0, 0))
      socket.end()
    }
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
    clearTimeout(limit)
  }
}

const payloadBytes = ({ data, into }: NbdAsk): number => data?.length ?? into?.length ?? 0

function nameOf({ command, offset, length }: NbdAsk): string {
  const [name] = Object.entries(COMMAND).find(([, number]) => number === command) ?? ['request']
  return command === COMMAND.flush ? 'flush' : `${name} of ${length} bytes at ${offset}`
}
