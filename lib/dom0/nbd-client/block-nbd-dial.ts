import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { must } from '../../core/domain/assert'
import { ByteQueue } from '../../wire/byte-queue'
import type { NbdFacts } from '../../wire/nbd/client-facts'
import { NbdClientHandshake, type ClientStep } from '../../wire/nbd/client-handshake'
import { isLoopback, isPlaintextAllowed, type NbdSource } from '../../wire/replica-source'
import { isSystemCode, nbdFailure } from './block-nbd-failure'
import { tlsIdentity } from './block-nbd-tls'
import { codeOf, textOf } from '../system/system-error'

/** A paused socket on which requests may be sent; `queue` holds what the server has said already. */
export interface NbdDialled {
  readonly socket: Socket
  readonly facts: NbdFacts
  readonly queue: ByteQueue
}

/** A server that vanished without a word is noticed on an idle connection too. */
const KEEP_ALIVE_MS = 10_000

/**
 * Connects and negotiates, all of it within `limitMs`. Rejects with ETIMEDOUT, the system's error (a missing socket is
 * ECONNREFUSED: the replica is not gone, nobody serves it), or the codes of NbdRefused.
 */
export async function dialNbd(source: NbdSource, limitMs: number): Promise<NbdDialled> {
  if (!isPlaintextAllowed(source))
    throw nbdFailure('EACCES', source, 'the bytes of the disk would cross the network in plain text')
  const identity = source.tls === undefined ? null : await tlsIdentity(source, source.tls)
  return new Promise((resolve, reject) => new Dial(source, identity, limitMs, resolve, reject))
}

class Dial {
  private readonly queue = new ByteQueue()
  private readonly handshake: NbdClientHandshake
  private readonly limit: NodeJS.Timeout
  private socket: Socket
  private phase: 'connecting' | 'plain' | 'tls-hello' | 'tls' | 'over' = 'connecting'
  private readonly onData = (chunk: Buffer): void => this.feed(chunk)
  private readonly onError = (error: Error): void => this.broke(error)
  private readonly onClose = (): void => this.fail('ECONNRESET', `it closed the connection instead of ${this.missing()}`)

  constructor(
    private readonly source: NbdSource,
    private readonly identity: SecureContext | null,
    limitMs: number,
    private readonly resolve: (dialled: NbdDialled) => void,
    private readonly reject: (error: Error) => void,
  ) {
    const { address, exportName, dialect } = source
    this.handshake = new NbdClientHandshake({ exportName, tls: identity !== null, exportNameOnly: dialect === 'tapdisk' })
    this.limit = setTimeout(() => this.fail('ETIMEDOUT', `${this.missing()} did not come within ${limitMs} ms`), limitMs)
    this.socket =
      'unix' in address
        ? connect(address.unix)
        : connect({ ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS })
    this.socket.once('connect', () => this.connected())
    this.listen()
  }

  private listen(): void {
    this.socket.on('data', this.onData).on('error', this.onError).on('close', this.onClose).on('end', this.onClose)
  }

  private unlisten(): void {
    this.socket.off('data', this.onData).off('error', this.onError).off('close', this.onClose).off('end', this.onClose)
  }

  /** A name may resolve to anything. */
  private connected(): void {
    const isNear = 'unix' in this.source.address || isLoopback(this.socket.remoteAddress ?? '')
    if (this.phase !== 'connecting') return
    this.phase = 'plain'
    if (this.identity === null && !isNear)
      this.fail('EACCES', `it is not on this host, but at ${String(this.socket.remoteAddress)}`)
  }

  private feed(chunk: Buffer): void {
    this.queue.push(chunk)
    while (this.phase === 'plain' || this.phase === 'tls') {
      const step = this.handshake.next(this.queue)
      if (step === null) return
      this.take(step)
    }
  }

  private take(step: ClientStep): void {
    if (step.kind === 'send') this.socket.write(step.bytes)
    else if (step.kind === 'start-tls') this.startTls()
    else if (step.kind === 'failed') this.fail(step.code, step.reason)
    else {
      this.end()
      this.socket.pause()
      this.resolve({ socket: this.socket, facts: step.facts, queue: this.queue })
    }
  }

  private startTls(): void {
    if (this.queue.length > 0) {
      this.fail('EPROTO', 'plain text where TLS should begin')
      return
    }
    this.phase = 'tls-hello'
    const plain = this.socket
    this.unlisten()
    const { address, tls } = this.source
    const host = tls?.hostname ?? ('unix' in address ? '' : address.host)
    const secureContext = must(this.identity, 'TLS begins only where it was wanted')
    const secure = connectTls({ socket: plain, secureContext, host, ...(isIP(host) === 0 ? { servername: host } : {}) })
    plain.on('error', (error) => secure.destroy(error))
    this.socket = secure
    secure.once('secureConnect', () => {
      this.phase = 'tls'
      secure.write(this.handshake.secured())
    })
    this.listen()
  }

  private broke(error: Error): void {
    const code = codeOf(error)
    if (code === 'ENOENT') this.fail('ECONNREFUSED', 'there is no such socket')
    else this.fail(this.phase === 'connecting' || isSystemCode(code) ? code : 'ETLS', textOf(error) || code)
  }

  private missing(): string {
    if (this.phase === 'connecting') return 'an answer'
    return this.phase === 'tls-hello' ? 'TLS' : `its ${this.handshake.awaited}`
  }

  private fail(code: string, reason: string): void {
    if (this.phase === 'over') return
    const error = nbdFailure(code, this.source, reason)
    this.end()
    // What else it has to complain of changes nothing.
    this.socket.on('error', () => undefined).destroy()
    this.reject(error)
  }

  private end(): void {
    this.phase = 'over'
    clearTimeout(this.limit)
    this.unlisten()
  }
}
