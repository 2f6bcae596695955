import type { Claim, StoredClaim } from '../../core/domain/claim'
import { Secondary as SecondaryRules } from '../../core/mirror/secondary'
import type { GuestRequest } from '../../core/mirror/events'
import type { PeerEndpoint, Refuse } from '../../ports/peer-connect'
import type { PeerLink } from '../../ports/peer-link'
import type { StoredReplica } from '../../ports/replica-store'
import type { Hello, PeerFrame, Welcome } from '../../wire/peer'
import type { WorkerSpec } from '../../wire/worker-api'
import { errorCode, performIo } from './disk'
import type { WorkerParts } from './parts'

/** A failed replica is opened again this often. */
const REOPEN_EVERY_MS = 2000

interface Seat {
  replica: StoredReplica | null
  failedAtMs: number
  reopening: boolean
}

/** The side that keeps the copy: does what the primary of the highest term says, and takes the claim when it is told to. */
export class Secondary {
  readonly #seats: Seat[]
  readonly rules: SecondaryRules
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  /** Frames wait for it when a new term must be on disk first. */
  #ready: Promise<unknown> = Promise.resolve()
  readonly #performing = new Set<Promise<void>>()
  guestActive = false
  /** When the primary was last heard; monotonic. */
  lastHeardMs = Number.NEGATIVE_INFINITY
  claim: StoredClaim

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    stored: StoredClaim,
  ) {
    this.claim = stored
    this.#seats = spec.volumes.map(() => ({ replica: null, failedAtMs: 0, reopening: false }))
    this.rules = new SecondaryRules(0, parts.clock.nowMs())
  }

  get peerConnected(): boolean {
    return this.#link !== null
  }

  replicaState(index: number): 'up-to-date' | 'inconsistent' | 'failed' {
    const metadata = this.#seats[index]?.replica?.metadata
    if (metadata === undefined) return 'failed'
    return metadata.state === 'up-to-date' ? 'up-to-date' : 'inconsistent'
  }

  async open(): Promise<void> {
    await Promise.all(this.spec.volumes.map((_, index) => this.#openSeat(index)))
    for (const { replica } of this.#seats) if (replica !== null) this.rules.raised(replica.metadata.term)
    const listen = this.spec.listen
    if (listen === null) throw new Error('a secondary has a port')
    this.#endpoint = await this.parts.listenPeer({
      ...listen,
      onHello: (hello) => this.#hello(hello),
      events: {
        up: (link) => {
          this.#link = link
          // What an older link asked for must not reach the disk after what this one asks for.
          this.#ready = Promise.all([this.#ready, ...this.#performing])
        },
        frame: (frame, link) => this.#frame(frame, link),
        down: () => (this.#link = null),
      },
    })
  }

  async #openSeat(index: number): Promise<void> {
    const seat = this.#seats[index]
    const volume = this.spec.volumes[index]
    if (seat === undefined || volume === undefined) return
    try {
      seat.replica = await this.parts.openReplica(volume, true)
    } catch (error) {
      seat.failedAtMs = this.parts.clock.nowMs()
      this.parts.log.warn('replica cannot be opened', { volume: volume.key, error: errorCode(error) })
    }
  }

  tick(nowMs: number): void {
    for (const [index, seat] of this.#seats.entries()) {
      if (seat.replica !== null || seat.reopening || nowMs < seat.failedAtMs + REOPEN_EVERY_MS) continue
      seat.reopening = true
      void this.#openSeat(index).finally(() => {
        seat.reopening = false
        // The primary learns of it by a new welcome.
        if (seat.replica !== null) this.#link?.close('a replica came back')
      })
    }
  }

  #hello(hello: Hello): { welcome: Welcome } | { refuse: Refuse } {
    const refuse = (code: Refuse['code'], text: string): { refuse: Refuse } => ({ refuse: { code, text, term: this.rules.term } })
    if (hello.pool !== this.spec.pool || hello.vm !== this.spec.vm) return refuse('VM', 'this worker serves another VM')
    const { verdict, raise } = this.rules.judge(hello.term)
    if (verdict !== 'do') return refuse('TERM', verdict === 'sealed' ? 'the claim is being taken over' : 'a higher term is known')
    const wrong = this.spec.volumes.find(({ key }, index) => hello.volumes[index]?.key !== key)
    if (wrong !== undefined || hello.volumes.length !== this.spec.volumes.length)
      return refuse('VOLUMES', 'other volumes are expected')
    const size = this.spec.volumes.find(({ sizeBytes }, index) => hello.volumes[index]?.sizeBytes !== sizeBytes)
    if (size !== undefined) return refuse('SIZE', `volume ${size.key} has ${size.sizeBytes} bytes here`)
    if (raise) this.#raise(hello.term)
    return {
      welcome: {
        protocol: 1,
        host: this.spec.host,
        incarnation: this.parts.incarnation,
        volumes: this.spec.volumes.map(({ key }, index) => ({
          key,
          state: this.replicaState(index),
          replica: this.#seats[index]?.replica?.metadata.replica ?? '',
        })),
      },
    }
  }

  #raise(term: number): void {
    this.rules.raised(term)
    this.#ready = this.#ready.then(async () => {
      for (const index of this.#seats.keys()) await this.#save(index, { term })
    })
  }

  async #save(index: number, change: Parameters<StoredReplica['save']>[0]): Promise<void> {
    try {
      await this.#seats[index]?.replica?.save(change)
    } catch (error) {
      this.#fail(index, errorCode(error))
    }
  }

  #frame(frame: PeerFrame, link: PeerLink): void {
    void this.#ready.then(() => this.#handle(frame, link))
  }

  #handle(frame: PeerFrame, link: PeerLink): void {
    if (link !== this.#link) return
    if (frame.type === 'ping') {
      if (this.rules.judge(frame.term).verdict !== 'do') return
      this.guestActive = frame.guestActive
      this.lastHeardMs = this.parts.clock.nowMs()
      this.rules.promised(this.parts.clock.nowMs())
      link.send({ type: 'pong', id: frame.id })
    } else if (frame.type === 'replica') {
      void this.#save(frame.volume, { state: frame.usable ? 'up-to-date' : 'inconsistent' })
    } else if (frame.type === 'write' || frame.type === 'zero' || frame.type === 'flush' || frame.type === 'read') {
      const performing = this.#io(frame, link).finally(() => this.#performing.delete(performing))
      this.#performing.add(performing)
    } else this.parts.log.warn('a frame that only a secondary sends came from the primary', { type: frame.type })
  }

  async #io(frame: Extract<PeerFrame, { type: 'write' | 'zero' | 'flush' | 'read' }>, link: PeerLink): Promise<void> {
    const { seq, volume, term } = frame
    const replica = this.#seats[volume]?.replica
    if (this.rules.judge(term).verdict !== 'do') {
      link.send({ type: 'done', seq, error: 'TERM' })
      return
    }
    if (replica === null || replica === undefined) {
      link.send({ type: 'done', seq, error: 'EIO' })
      return
    }
    try {
      const data = await performIo(replica.device, requestOf(frame))
      // Sealed while it was on the disk: an old primary must not hear of it.
      if (this.rules.judge(term).verdict !== 'do') return
      link.send(data === undefined ? { type: 'done', seq, error: '' } : { type: 'data', seq, data })
    } catch (error) {
      link.send({ type: 'done', seq, error: errorCode(error) })
      this.#fail(volume, errorCode(error))
    }
  }

  #fail(index: number, error: string): void {
    const seat = this.#seats[index]
    if (seat?.replica == null) return
    const { replica } = seat
    seat.replica = null
    seat.failedAtMs = this.parts.clock.nowMs()
    void replica
      .close()
      .catch((closing: unknown) => this.parts.log.debug('close of a failed replica', { error: errorCode(closing) }))
    const volume = this.spec.volumes[index]
    this.parts.timeline.record({
      vm: this.spec.vm,
      act: 'secondary-replica-failed',
      rule: 'io-failed',
      text: `The secondary replica failed (${error}); the primary is told and goes on alone.`,
      evidence: { volume: volume?.key ?? null, error },
    })
    this.#link?.send({ type: 'replica', volume: index, usable: false, error })
  }

  /** From now on no primary of a lower term gets anything confirmed here. */
  seal(): void {
    this.rules.seal()
    this.#link?.close('the claim is being taken over')
  }

  async close(): Promise<void> {
    await this.#endpoint?.close('the worker changes its role')
    for (const { replica } of this.#seats) await replica?.close()
  }

  nextClaim(current: Claim): Claim {
    const upToDate = Object.fromEntries(Object.keys(current.upToDate).map((volume) => [volume, [this.spec.host]]))
    return { ...current, term: current.term + 1, holder: this.spec.host, upToDate }
  }
}

function requestOf(frame: Extract<PeerFrame, { type: 'write' | 'zero' | 'flush' | 'read' }>): GuestRequest {
  switch (frame.type) {
    case 'write':
      return { kind: 'write', offset: frame.offset, length: frame.data.length, data: frame.data, fua: frame.fua }
    case 'zero':
      return { kind: 'zero', offset: frame.offset, length: frame.length, punch: frame.punch, fua: frame.fua }
    case 'read':
      return { kind: 'read', offset: frame.offset, length: frame.length }
    case 'flush':
      return { kind: 'flush', offset: 0, length: 0 }
  }
}
