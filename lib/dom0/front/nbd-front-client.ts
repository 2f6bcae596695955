import { connect, type Socket } from 'node:net'
import type { Log } from '../../ports/log'
import { NbdFront } from '../../wire/nbd/front'
import { InflightShare, type InflightBudget } from '../nbd/nbd-inflight'
import { Outgoing } from './nbd-front-outgoing'
import { RareWarning } from '../log/rare-log'
import { textOf } from '../system/system-error'

export interface NbdFrontClientOptions {
  readonly socket: Socket
  /** The worker's unix socket, whoever serves there. */
  readonly to: string
  readonly exportName: string
  readonly budget: InflightBudget
  /** From 1, for the log. */
  readonly number: number
  readonly log: Log
  /** False for good when the disk is not this front's any more: whoever serves it next must not get this client's old requests. */
  readonly mayDial: () => boolean
  /** Time for a client to choose the export, from when it can be told the size. */
  readonly handshakeMs: number
  readonly onEnd: () => void
}

/** A client that does not take its answers is not read from, and the worker not either, while it owes this much. */
const UNTAKEN_BYTES_MAX = 8 * 1024 * 1024
/** A worker is started again within a second: eager for that long, then patient. */
const EAGER_FOR_MS = 1000
const EAGER_MS = 20
const PATIENT_MS = 200
const OVERDUE_MS = 5000

/** One client, for as long as it lives, and the connection to whatever worker there is. */
export class NbdFrontClient {
  private readonly front: NbdFront
  private readonly overdue: RareWarning
  private readonly faults: RareWarning
  private readonly wake = (): void => this.during(() => this.front.pump())
  private readonly share: InflightShare
  private readonly forClient = new Outgoing()
  private readonly forWorker = new Outgoing()
  private worker: Socket | null = null
  private redial: NodeJS.Timeout | null = null
  private choiceLimit: NodeJS.Timeout | null = null
  /** Since when there has been no worker of use. */
  private awaySinceMs = performance.now()
  private servingSinceMs: number | null = null
  private told: 'away' | 'serving' = 'away'
  private lastError = ''
  private gone = false

  constructor(private readonly options: NbdFrontClientOptions) {
    const { socket, exportName, budget, log } = options
    this.overdue = new RareWarning(log, 'front: no worker, the client waits', 60_000)
    this.faults = new RareWarning(log, 'front: a worker was left', 60_000)
    this.share = new InflightShare(budget, this.wake)
    this.front = new NbdFront({
      exportName,
      room: this.share,
      onServing: (resent) => this.serving(resent),
      out: {
        toClient: (bytes) => this.forClient.add(bytes),
        toWorker: (bytes) => this.forWorker.add(bytes),
        dropWorker: (fault) => this.dropWorker(fault),
        endClient: (orderly, reason) => this.endClient(orderly, reason),
      },
    })
    socket.on('data', (chunk: Buffer) => this.during(() => this.front.fromClient(chunk)))
    socket.on('drain', this.wake)
    socket.on('error', (error) => log.debug('front: client failed', { ...this.facts(), error: error.message }))
    socket.on('close', () => this.end())
    socket.write(this.front.greeting())
    this.dial()
  }

  /** Lets go of the client. */
  end(): void {
    this.front.end()
  }

  private dial(): void {
    this.redial = null
    if (!this.options.mayDial()) {
      this.strand()
      return
    }
    const worker = connect(this.options.to)
    this.worker = worker
    worker.on('connect', () => this.front.workerConnected())
    worker.on('data', (chunk: Buffer) => {
      if (this.worker === worker) this.during(() => this.front.fromWorker(chunk))
    })
    worker.on('error', (error) => (this.lastError = textOf(error)))
    worker.on('close', () => this.lost(worker))
  }

  private strand(): void {
    if (this.front.hasPromised) this.options.log.warn('front: the disk is no longer served here, the client waits', this.facts())
    else this.front.end('the disk is no longer served here')
  }

  /** What one event writes leaves together. */
  private during(act: () => void): void {
    act()
    this.flush()
    this.regulate()
  }

  private flush(): void {
    this.forClient.flush(this.options.socket)
    if (this.worker !== null) this.forWorker.flush(this.worker)
  }

  private regulate(): void {
    if (this.gone) return
    const { socket } = this.options
    this.limitChoice()
    const owes = socket.writableLength > UNTAKEN_BYTES_MAX
    if (owes || this.front.wantsRoom || this.front.isSated) socket.pause()
    else socket.resume()
    if (owes) this.worker?.pause()
    else this.worker?.resume()
  }

  private limitChoice(): void {
    if (this.front.awaitsChoice) {
      this.choiceLimit ??= setTimeout(() => this.front.end('it chose no export in time'), this.options.handshakeMs)
    } else if (this.choiceLimit !== null) {
      clearTimeout(this.choiceLimit)
      this.choiceLimit = null
    }
  }

  private serving(resent: number): void {
    this.servingSinceMs = performance.now()
    if (this.told === 'serving') return
    this.told = 'serving'
    const afterMs = Math.round(this.servingSinceMs - this.awaySinceMs)
    this.options.log.info('front: a worker serves', { ...this.facts(), afterMs, resent })
  }

  private dropWorker(fault: string | null): void {
    const { worker } = this
    if (fault !== null) this.faults.happened({ ...this.facts(), fault })
    this.worker = null
    this.forWorker.clear()
    worker?.destroy()
    this.dialLater(fault === null ? 0 : undefined)
  }

  private lost(worker: Socket): void {
    if (this.worker !== worker) return
    this.worker = null
    this.dialLater()
    this.front.workerLost()
  }

  private dialLater(soonMs?: number): void {
    if (this.gone) return
    const nowMs = performance.now()
    const served = this.servingSinceMs !== null
    const lasted = nowMs - (this.servingSinceMs ?? nowMs) > EAGER_FOR_MS
    this.servingSinceMs = null
    if (lasted || (served && this.front.workerAnswered)) this.workerGone(nowMs)
    const awayMs = nowMs - this.awaySinceMs
    if (awayMs > OVERDUE_MS) this.overdue.happened({ ...this.facts(), forMs: Math.round(awayMs), error: this.lastError })
    const patienceMs = awayMs < EAGER_FOR_MS ? EAGER_MS : PATIENT_MS
    this.redial = setTimeout(() => this.dial(), soonMs ?? (lasted ? 0 : patienceMs))
  }

  private workerGone(nowMs: number): void {
    this.awaySinceMs = nowMs
    this.told = 'away'
    this.options.log.info('front: the worker is gone', { ...this.facts(), unanswered: this.front.unanswered })
  }

  private endClient(orderly: boolean, reason: string): void {
    if (this.gone) return
    this.gone = true
    const { socket, log, onEnd } = this.options
    this.share.close()
    if (this.redial !== null) clearTimeout(this.redial)
    if (this.choiceLimit !== null) clearTimeout(this.choiceLimit)
    if (orderly) log.debug('front: client left', { ...this.facts(), reason })
    else log.info('front: client ended', { ...this.facts(), reason })
    this.flush()
    for (const each of [socket, this.worker]) {
      if (orderly) each?.destroySoon()
      else each?.destroy()
    }
    onEnd()
  }

  private facts(): { readonly exportName: string; readonly client: number } {
    return { exportName: this.options.exportName, client: this.options.number }
  }
}
