import { assert } from '../../core/domain/assert'
import type { DiskExtents, DiskExtentsReply, DiskHandler, DiskReply, DiskRequest } from '../../ports/disk-export'
import { extentsReply, type NbdReplies } from '../../wire/nbd/replies'
import type { NbdRequest } from '../../wire/nbd/requests'
import type { Memory } from '../../wire/nbd/slab'
import type { Outbox } from './nbd-outbox'

export interface NbdServiceParts {
  readonly handler: DiskHandler
  readonly extents: DiskExtents
  readonly memory: Memory
  readonly out: Outbox
  /** Of the connection. */
  readonly number: number
  /** An answer is in the outbox, or was dropped because the client is gone; `bytes` were held for it. */
  readonly answered: (bytes: number, memory: Buffer | null) => void
}

type Of<Kind extends NbdRequest['kind']> = Extract<NbdRequest, { readonly kind: Kind }>

/** Asks the disk for one client, and puts the answers into its dialect. */
export class NbdService {
  /** Asked and not answered. */
  inflight = 0
  /** The client is gone: answers are dropped. */
  private closed = false

  constructor(
    private readonly replies: NbdReplies,
    private readonly parts: NbdServiceParts,
  ) {}

  close(): void {
    this.closed = true
  }

  /** `clientCannotFlush`: what it changes has to be safe when it is answered. */
  serve(request: NbdRequest, clientCannotFlush: boolean): void {
    this.inflight++
    switch (request.kind) {
      case 'read':
        this.read(request, clientCannotFlush)
        break
      case 'write':
        this.write(request, clientCannotFlush)
        break
      case 'status':
        this.tell(request)
        break
      case 'flush':
      case 'trim':
      case 'zero':
        this.change(request, clientCannotFlush)
    }
  }

  private read(request: Of<'read'>, durable: boolean): void {
    const asked = new Read(request, durable, this.parts.number, this.parts.memory)
    this.parts.handler(
      asked,
      once(({ error, data }: DiskReply) => {
        if (error !== 0) {
          this.result(request, true, error)
          this.ended(request.length, null)
          return
        }
        assert(data?.length === request.length, 'a read that went well is answered with what was asked for')
        this.data(request, data)
        this.ended(request.length, asked.takeBack(data))
      }),
    )
  }

  private data(request: NbdRequest, data: Buffer): void {
    if (this.closed) return
    const { offset, length } = request
    this.parts.out.header((into, at) => this.replies.putReadHeader(into, at, request, offset, length))
    this.parts.out.data(data)
  }

  private write(request: Of<'write'>, durable: boolean): void {
    const { offset, length, data, slab } = request
    const { handler, number } = this.parts
    const fua = request.fua || durable
    handler(
      { kind: 'write', offset, length, data, punch: false, fua, durable, connection: number },
      once(({ error, dataIsFree }: DiskReply) => {
        slab.giveBack(dataIsFree === true)
        this.result(request, false, error)
        this.ended(length, null)
      }),
    )
  }

  private change(request: Of<'trim' | 'flush' | 'zero'>, durable: boolean): void {
    const { kind, offset, length } = request
    const punch = kind === 'trim' || (kind === 'zero' && request.punch)
    const asked = { kind, offset, length, punch, fua: request.fua || durable, durable, connection: this.parts.number }
    this.parts.handler(
      asked,
      once(({ error }: DiskReply) => {
        this.result(request, false, error)
        this.ended(0, null)
      }),
    )
  }

  private tell(request: Of<'status'>): void {
    const { offset, length, one } = request
    this.parts.extents(
      offset,
      length,
      one,
      once(({ error, extents }: DiskExtentsReply) => {
        if (error !== 0) this.result(request, false, error)
        else if (!this.closed) this.parts.out.data(extentsReply(request, length, extents, one))
        this.ended(0, null)
      }),
    )
  }

  private result(to: NbdRequest, isRead: boolean, error: number): void {
    if (!this.closed) this.parts.out.header((into, at) => this.replies.putResult(into, at, to, isRead, error))
  }

  private ended(bytes: number, memory: Buffer | null): void {
    this.inflight--
    this.parts.answered(bytes, memory)
  }
}

/** Lends memory for its answer, once somebody wants it. */
class Read implements DiskRequest {
  readonly kind = 'read'
  readonly offset: number
  readonly length: number
  readonly fua: boolean
  readonly punch = false
  private whole: Buffer | null = null
  private part: Buffer | null = null

  constructor(
    { offset, length, fua }: Of<'read'>,
    readonly durable: boolean,
    readonly connection: number,
    private readonly memory: Memory,
  ) {
    this.offset = offset
    this.length = length
    this.fua = fua
  }

  readonly room = (): Buffer => {
    this.whole ??= this.memory.lend(this.length)
    this.part ??= this.whole.subarray(0, this.length)
    return this.part
  }

  /** At the answer: the memory to take back after `data` was sent. What was lent and not used may still be written to. */
  takeBack(data: Buffer): Buffer | null {
    return data === this.part ? this.whole : null
  }
}

function once<Result>(answer: (result: Result) => void): (result: Result) => void {
  let answered = false
  return (result) => {
    assert(!answered, 'a disk request is answered once')
    answered = true
    answer(result)
  }
}
