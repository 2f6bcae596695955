import { assert } from '../../core/domain/assert'
import { ByteQueue } from '../byte-queue'
import { NbdReplies } from './client-replies'
import { FrontRequests, replyTo, type FrontRequest } from './front-requests'
import { NBD_ERROR } from './numbers'

/** What a client may hold, so that all of them together stay within bounds. */
export interface FrontRoom {
  /** When it is false, pump() is to be called as soon as others have given room back. */
  hasRoom(): boolean
  take(bytes: number): void
  release(bytes: number): void
}

export interface FrontOut {
  toClient(bytes: Buffer): void
  toWorker(bytes: Buffer): void
  /** The worker's connection is of no use any more; another one is. `fault` is null when the worker did nothing wrong. */
  dropWorker(fault: string | null): void
  /** `orderly`: the client said goodbye and has its answers. */
  endClient(orderly: boolean, reason: string): void
}

interface Unanswered {
  readonly request: FrontRequest
  /** This worker said that it is ending: the next one is asked. */
  refused: boolean
}

const TWO_POW_32 = 2 ** 32

/**
 * One client's requests on their way to a worker that may die, and the replies back. What a worker did not answer is sent to the
 * next one, in the order in which it came.
 *
 * Why that is enough for order: a worker carries out overlapping requests in the order of their arrival, and what it answers
 * leaves in the order in which it was done. So of requests that overlap, those that were answered when a connection ended are the
 * first ones. Sending the others again, all of them, in their order, ends with the bytes of the last; doing one twice spoils
 * nothing, because nothing later that overlaps it was done and answered. A client that wants two requests in order on two
 * connections has to wait for the first one's answer, with or without a front.
 *
 * Why that is enough for durability: a flush covers what was answered before it was sent. What the dead worker answered is in
 * the page caches of the hosts, which outlive a process, and the next worker's flush covers them. A host that dies takes front
 * and client with it.
 *
 * Must never: tell the client an error that no worker told, answer twice, close because a worker did.
 */
export class FrontRelay {
  private readonly requests = new FrontRequests()
  /** By our number of the request, which is its cookie at the worker; in the order of arrival. */
  private readonly unanswered = new Map<number, Unanswered>()
  private numbered = 0
  private answers = new ByteQueue()
  private replies = this.newReplies()
  /** Data of the reply that is being read: the client gets nothing of a read that this worker might not finish. */
  private data: Buffer[] = []
  private worker: 'away' | 'serves' | 'leaves' = 'away'
  /** Sent to this worker, neither answered nor refused. */
  private withWorker = 0
  /** The latest worker answered something. */
  workerAnswered = false
  private goodbye: Buffer | null = null
  private ended = false

  /** `asked`: bytes of the client, put there by the owner, who then calls pump(). Cookies in them are replaced in place. */
  constructor(
    private readonly asked: ByteQueue,
    private readonly room: FrontRoom,
    private readonly out: FrontOut,
  ) {}

  get unansweredCount(): number {
    return this.unanswered.size
  }

  /** Bytes of the client are left alone until others give room back. */
  get wantsRoom(): boolean {
    return !this.ended && this.goodbye === null && this.requests.begunBytes === null && !this.room.hasRoom()
  }

  /** Reads on; also called when there is room again. */
  pump(): void {
    while (!this.ended && this.goodbye === null && !this.wantsRoom) {
      const step = this.requests.next(this.asked)
      switch (step?.kind) {
        case undefined:
          return
        case 'begun':
          this.room.take(step.heldBytes)
          break
        case 'request':
          this.accept(step.request)
          break
        case 'refused':
          this.out.toClient(step.reply)
          break
        case 'disconnect':
          this.goodbye = step.header
          this.leaveWhenAnswered()
          break
        case 'garbage':
          this.end(false, step.reason)
          break
      }
    }
  }

  /** A worker that serves the same disk is connected. */
  workerUp(): void {
    assert(this.worker === 'away', 'a client has one worker at a time')
    this.worker = 'serves'
    this.workerAnswered = false
    for (const { request } of this.unanswered.values()) this.send(request)
  }

  workerDown(): void {
    this.worker = 'away'
    this.withWorker = 0
    this.answers = new ByteQueue()
    this.replies = this.newReplies()
    this.data = []
    for (const each of this.unanswered.values()) each.refused = false
  }

  fromWorker(chunk: Buffer): void {
    this.answers.push(chunk)
    while (this.worker !== 'away' && !this.ended && this.readReply()) continue
  }

  /** What the client held is given back. */
  end(orderly: boolean, reason: string): void {
    if (this.ended) return
    this.ended = true
    if (this.requests.begunBytes !== null) this.room.release(this.requests.begunBytes)
    for (const { request } of this.unanswered.values()) this.room.release(request.heldBytes)
    this.unanswered.clear()
    this.out.endClient(orderly, reason)
  }

  private accept(request: FrontRequest): void {
    const number = this.numbered++
    request.header.writeUInt32BE(Math.floor(number / TWO_POW_32), 8)
    request.header.writeUInt32BE(number % TWO_POW_32, 12)
    this.unanswered.set(number, { request, refused: false })
    if (this.worker === 'serves') this.send(request)
  }

  private send({ header, payload }: FrontRequest): void {
    this.withWorker++
    this.out.toWorker(header)
    for (const piece of payload) this.out.toWorker(piece)
  }

  private newReplies(): NbdReplies {
    const dataBytes = (number: number): number | undefined => {
      const known = this.unanswered.get(number)
      return known === undefined || known.refused ? undefined : known.request.answerBytes
    }
    return new NbdReplies({ dataBytes, dataFollowsErrors: false })
  }

  /** False when more bytes are needed. */
  private readReply(): boolean {
    const step = this.replies.next(this.answers)
    if (step === null) return false
    if (step.kind === 'garbage') this.drop(step.reason)
    else if (step.kind === 'data') this.data.push(step.bytes)
    else this.answered(step.cookie, step.errno)
    return true
  }

  private answered(number: number, errno: number): void {
    const known = this.unanswered.get(number)
    assert(known !== undefined, 'a request is answered once')
    const { data } = this
    this.data = []
    this.withWorker--
    if (errno === NBD_ERROR.ESHUTDOWN) {
      known.refused = true
      this.worker = 'leaves'
    } else {
      this.workerAnswered = true
      this.unanswered.delete(number)
      this.out.toClient(replyTo(known.request, errno))
      for (const piece of data) this.out.toClient(piece)
      this.room.release(known.request.heldBytes)
      this.leaveWhenAnswered()
    }
    // Not before it has answered the rest: what it is still doing must not be done by the next one at the same time.
    if (this.worker === 'leaves' && this.withWorker === 0) this.drop('the worker is ending')
  }

  private drop(reason: string): void {
    this.workerDown()
    this.out.dropWorker(reason)
  }

  private leaveWhenAnswered(): void {
    if (this.goodbye === null || this.unanswered.size > 0) return
    if (this.worker !== 'away') this.out.toWorker(this.goodbye)
    this.end(true, 'the client said goodbye')
  }
}
