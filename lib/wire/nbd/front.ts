import { ByteQueue } from '../byte-queue'
import type { NbdFacts } from './client-facts'
import { NbdClientHandshake } from './client-handshake'
import { FrontRelay, type FrontOut, type FrontRoom } from './front-relay'
import { greeting, NbdHandshake, type NbdOffer } from './handshake'
import { OPTION_BYTES_MAX } from './numbers'

export interface NbdFrontOptions {
  /** What the worker is asked for; the client may call it what it likes. */
  readonly exportName: string
  readonly room: FrontRoom
  readonly out: FrontOut
  /** The worker serves; `resent` requests were sent to it again or for the first time. */
  readonly onServing: (resent: number) => void
}

/**
 * One client of the front, from the greeting to its end, and the workers that serve it one after the other.
 *
 * Both legs negotiate for themselves. The client is greeted at once and told nothing more before a worker has told the size.
 * The worker is asked in the client's dialect, because it answers a client that never learned of flush only when a write is
 * safe. No leg negotiates structured replies: a simple one can be told again to another worker's request as it is.
 *
 * Must never: connect a client to a disk that is not the one whose size it was told.
 */
export class NbdFront {
  private readonly asked = new ByteQueue()
  private readonly relay: FrontRelay
  private clientHello: NbdHandshake | null = null
  private promised: NbdFacts | null = null
  private chosen: 'nothing' | 'go' | 'export-name' = 'nothing'
  private said = new ByteQueue()
  private worker: 'away' | 'met' | 'serves' | NbdClientHandshake = 'away'

  constructor(private readonly options: NbdFrontOptions) {
    const out: FrontOut = {
      toClient: (bytes) => options.out.toClient(bytes),
      toWorker: (bytes) => options.out.toWorker(bytes),
      dropWorker: (fault) => this.drop(fault),
      endClient: (orderly, reason) => options.out.endClient(orderly, reason),
    }
    this.relay = new FrontRelay(this.asked, options.room, out)
  }

  greeting(): Buffer {
    return greeting()
  }

  get unanswered(): number {
    return this.relay.unansweredCount
  }

  /** The client knows the size: it is to be served, or left waiting. */
  get hasPromised(): boolean {
    return this.promised !== null
  }

  /** The client's part of the negotiation is awaited, nobody else's. */
  get awaitsChoice(): boolean {
    return this.promised !== null && this.chosen === 'nothing'
  }

  /** More than a negotiation takes lies here before a worker was met. */
  get isSated(): boolean {
    return this.chosen === 'nothing' && this.asked.length > OPTION_BYTES_MAX
  }

  /** Requests of the client are left alone until others give room back. */
  get wantsRoom(): boolean {
    return this.chosen !== 'nothing' && this.relay.wantsRoom
  }

  fromClient(chunk: Buffer): void {
    this.asked.push(chunk)
    this.pump()
  }

  /** Goes on with what the client sent; to be called when there is room again. */
  pump(): void {
    while (this.chosen === 'nothing') if (!this.negotiate()) return
    this.relay.pump()
  }

  workerConnected(): void {
    this.said = new ByteQueue()
    const { exportName } = this.options
    this.worker = new NbdClientHandshake({ exportName, tls: false, exportNameOnly: this.chosen === 'export-name' })
  }

  fromWorker(chunk: Buffer): void {
    if (this.worker === 'away') return
    if (this.worker === 'serves') {
      this.relay.fromWorker(chunk)
      this.relay.pump()
    } else if (this.worker === 'met') this.drop('it speaks out of turn')
    else {
      this.said.push(chunk)
      while (typeof this.worker === 'object') if (!this.meet(this.worker)) return
    }
  }

  workerLost(): void {
    this.worker = 'away'
    this.relay.workerDown()
  }

  /** This worker, or the one before it, answered at least one request. */
  get workerAnswered(): boolean {
    return this.relay.workerAnswered
  }

  /** The client is gone, or has to go. */
  end(reason = 'the client is gone'): void {
    this.relay.end(false, reason)
  }

  /** False when nothing can be done before something arrives. */
  private negotiate(): boolean {
    const step = this.clientHello?.next(this.asked) ?? null
    if (step === null) return false
    const { out } = this.options
    if (step.bytes.length > 0) out.toClient(step.bytes)
    if (step.kind === 'close') {
      this.clientHello = null
      this.relay.end(step.byClient, step.reason)
      return false
    }
    if (step.kind === 'chosen') {
      this.chosen = step.dialect
      // It was asked by GO, which is how newer clients introduce themselves.
      if (this.chosen === 'export-name' && this.worker !== 'away') this.drop(null)
      this.serve()
    }
    return true
  }

  private meet(hello: NbdClientHandshake): boolean {
    const step = hello.next(this.said)
    if (step === null) return false
    if (step.kind === 'send') this.options.out.toWorker(step.bytes)
    else if (step.kind === 'open') this.met(step.facts)
    else this.drop(step.kind === 'failed' ? step.reason : 'it wants TLS')
    return true
  }

  private met(facts: NbdFacts): void {
    const objection = this.said.length > 0 ? 'it speaks out of turn' : objectionTo(facts, this.promised)
    if (objection !== '') {
      this.drop(objection)
      return
    }
    this.worker = 'met'
    if (this.promised === null) {
      this.promised = facts
      const { sizeBytes, readOnly } = facts
      const offer: NbdOffer = { name: this.options.exportName, sizeBytes, readOnly }
      this.clientHello = new NbdHandshake([offer], { tls: 'off', structured: false })
      this.pump()
    } else this.serve()
  }

  private serve(): void {
    if (this.worker !== 'met' || this.chosen === 'nothing') return
    this.worker = 'serves'
    const resent = this.relay.unansweredCount
    this.relay.workerUp()
    this.options.onServing(resent)
  }

  private drop(fault: string | null): void {
    this.workerLost()
    this.options.out.dropWorker(fault)
  }
}

/** Why the client cannot be served by this worker; empty when it can. The client is told of flush, FUA and zeroes always. */
function objectionTo(facts: NbdFacts, promised: NbdFacts | null): string {
  if (!facts.readOnly && !(facts.canFlush && facts.canFua && facts.canWriteZeroes)) return 'it lacks flush, FUA or zeroes'
  if (promised === null) return ''
  if (facts.sizeBytes !== promised.sizeBytes) return `its disk has ${facts.sizeBytes} bytes, the client's ${promised.sizeBytes}`
  return facts.readOnly === promised.readOnly ? '' : `its disk is ${facts.readOnly ? '' : 'not '}read-only, unlike the client's`
}
