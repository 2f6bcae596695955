import type { Claim, StoredClaim } from '../../core/domain/claim'
import { Secondary as SecondaryRules } from '../../core/mirror/secondary'
import type { ReplicaRequest } from '../../core/domain/replica-request'
import type { PeerEndpoint, Refuse } from '../../ports/peer-connect'
import type { FrameMemory, PeerLink } from '../../ports/peer-link'
import { PEER_PROTOCOL, type Hello, type PeerFrame, type Welcome } from '../../wire/peer'
import type { WorkerSpec } from '../../wire/worker-api'
import type { WorkerParts } from './parts'
import { errorCode, Seat } from './seat'

/** A failed replica is opened again this often. */
const REOPEN_EVERY_MS = 2000
/** The activity log is emptied when all in it is settled, looked at so often. */
const IDLE_EVERY_MS = 5000

interface Place {
  seat: Seat | null
  failedAtMs: number
  opening: boolean
  /** How often it was opened: each time it is another incarnation. */
  opened: number
  /** It failed in this process: what its device had cached may be gone. */
  hasFailed: boolean
  /** Once closed, what was asked of the one before has ended. */
  closing: Promise<void>
}

type Request = Extract<PeerFrame, { type: 'write' | 'zero' | 'flush' | 'read' | 'hash' | 'mark' }>

/** The side that keeps the copy: does what the primary of the highest term says, and takes the claim when it is told to. */
export class Secondary {
  readonly #places: Place[]
  readonly rules: SecondaryRules
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  /** Frames that wait: what an older link asked for, or a new term, must be on the disk first. Null when none has to. */
  #waiting: { frame: PeerFrame; link: PeerLink }[] | null = null
  #ready: Promise<unknown> = Promise.resolve()
  /** Whose requests the replicas are numbered by. */
  #primary = ''
  #greeted = ''
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
    this.#places = spec.volumes.map(() => ({
      ...{ seat: null, failedAtMs: 0, opening: false, opened: 0, hasFailed: false, closing: Promise.resolve() },
    }))
    this.rules = new SecondaryRules(0, parts.clock.nowMs())
  }

  get peerConnected(): boolean {
    return this.#link !== null
  }

  replicaState(index: number): 'up-to-date' | 'inconsistent' | 'failed' {
    const seat = this.#places[index]?.seat
    if (seat == null) return 'failed'
    return seat.state === 'up-to-date' ? 'up-to-date' : 'inconsistent'
  }

  async open(): Promise<void> {
    await Promise.all(this.spec.volumes.map((_, index) => this.#openPlace(index)))
    for (const { seat } of this.#places) if (seat !== null) this.rules.raised(seat.metadata.term)
    const listen = this.spec.listen
    if (listen === null) throw new Error('a secondary has a port')
    this.#endpoint = await this.parts.listenPeer({
      ...listen,
      onHello: (hello) => this.#hello(hello),
      events: {
        up: (link) => {
          this.#link = link
          this.#hold(() => this.#present(link))
        },
        frame: (frame, link, memory) => this.#frame(frame, link, memory),
        down: () => (this.#link = null),
      },
    })
  }

  async #openPlace(index: number): Promise<void> {
    const place = this.#places[index]
    const volume = this.spec.volumes[index]
    if (place === undefined || volume === undefined || place.opening) return
    place.opening = true
    try {
      await place.closing
      const seat = await Seat.open(volume, true, this.parts, {
        hasFailed: place.hasFailed,
        onFailed: (error) => this.#failed(index, error),
      })
      place.opened++
      place.seat = seat
    } catch (error) {
      place.failedAtMs = this.parts.clock.nowMs()
      this.parts.log.warn('replica cannot be opened', { volume: volume.key, error: errorCode(error) })
    } finally {
      place.opening = false
    }
  }

  tick(nowMs: number): void {
    for (const [index, place] of this.#places.entries()) {
      place.seat?.tick(nowMs, true)
      if (place.seat !== null || place.opening || nowMs < place.failedAtMs + REOPEN_EVERY_MS) continue
      void this.#openPlace(index).then(() => {
        if (this.#link !== null) this.#tellPresent(index, this.#link)
      })
    }
    if (nowMs >= this.#idleAtMs) {
      this.#idleAtMs = nowMs + IDLE_EVERY_MS
      for (const { seat } of this.#places) seat?.idle()
    }
  }

  #idleAtMs = 0

  /** What an older link asked for must not reach the disk after what this one asks for. */
  async #present(link: PeerLink): Promise<void> {
    const isNew = this.#greeted !== this.#primary
    this.#primary = this.#greeted
    for (const { seat } of this.#places) {
      await seat?.linkLost()
      if (isNew) await seat?.newPrimary()
    }
    for (const index of this.#places.keys()) this.#tellPresent(index, link)
  }

  #tellPresent(index: number, link: PeerLink): void {
    const place = this.#places[index]
    if (place?.seat == null || link !== this.#link) return
    const bits = place.seat.bits()
    for (const page of bits.pagesInUse()) link.send({ type: 'bits', volume: index, page, data: bits.page(page) })
    link.send({ type: 'present', volume: index, presence: place.seat.presence(`${this.parts.incarnation}-${place.opened}`) })
  }

  /** Frames wait until `first` is done. */
  #hold(first: () => Promise<unknown>): void {
    this.#waiting ??= []
    const ready = this.#ready.then(first)
    this.#ready = ready
    void ready.then(() => {
      if (this.#ready !== ready) return
      const waiting = this.#waiting ?? []
      this.#waiting = null
      for (const { frame, link } of waiting) this.#handle(frame, link, null)
    })
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
    this.#greeted = hello.incarnation
    return { welcome: { protocol: PEER_PROTOCOL, host: this.spec.host } }
  }

  #raise(term: number): void {
    this.rules.raised(term)
    this.#hold(() => Promise.all(this.#places.flatMap(({ seat }) => seat?.saveTerm(term) ?? [])))
  }

  #frame(frame: PeerFrame, link: PeerLink, memory: FrameMemory | null): void {
    if (this.#waiting === null) this.#handle(frame, link, memory)
    else this.#waiting.push({ frame, link })
  }

  #handle(frame: PeerFrame, link: PeerLink, memory: FrameMemory | null): void {
    if (link !== this.#link) return
    switch (frame.type) {
      case 'write':
      case 'zero':
      case 'flush':
      case 'read':
      case 'hash':
      case 'mark':
        this.#perform(frame, link, memory)
        break
      case 'hint':
        if (this.rules.judge(frame.term).verdict === 'do') this.#places[frame.volume]?.seat?.hint(frame.hint)
        break
      case 'ping':
        this.#ping(frame, link)
        break
      case 'hello':
      case 'welcome':
      case 'refuse':
      case 'done':
      case 'data':
      case 'pong':
      case 'bits':
      case 'present':
      case 'gone':
        this.parts.log.warn('a frame that only a secondary sends came from the primary', { type: frame.type })
    }
  }

  #ping({ id, term, guestActive }: Extract<PeerFrame, { type: 'ping' }>, link: PeerLink): void {
    if (this.rules.judge(term).verdict !== 'do') return
    this.guestActive = guestActive
    this.lastHeardMs = this.parts.clock.nowMs()
    this.rules.promised(this.parts.clock.nowMs())
    link.send({ type: 'pong', id })
  }

  /** What is not told to be done may still be on its way to the disk: then its memory is not given back. */
  #perform(frame: Request, link: PeerLink, memory: FrameMemory | null): void {
    const { seq, volume, term } = frame
    const seat = this.#places[volume]?.seat
    if (this.rules.judge(term).verdict !== 'do') link.send({ type: 'done', seq, volume, error: 'TERM' })
    else if (seat == null) link.send({ type: 'done', seq, volume, error: 'EIO' })
    else
      seat.perform(seq, requestOf(frame), (error, data) => {
        memory?.giveBack(true)
        // Sealed while it was on the disk: an old primary must not hear of it.
        if (this.rules.judge(term).verdict !== 'do') return
        if (data === undefined) link.send({ type: 'done', seq, volume, error })
        else link.send({ type: 'data', seq, volume, data })
      })
  }

  #failed(index: number, error: string): void {
    const place = this.#places[index]
    if (place?.seat == null) return
    const { seat } = place
    place.seat = null
    place.hasFailed = true
    place.failedAtMs = this.parts.clock.nowMs()
    place.closing = seat
      .close()
      .catch((closing: unknown) => this.parts.log.debug('close of a failed replica', { error: errorCode(closing) }))
    const volume = this.spec.volumes[index]
    this.parts.timeline.record({
      vm: this.spec.vm,
      act: 'secondary-replica-failed',
      rule: error === 'ETIMEDOUT' ? 'io-hangs' : 'io-failed',
      text: `The secondary replica failed (${error}); the primary is told and goes on alone.`,
      evidence: { volume: volume?.key ?? null, error },
    })
    this.#link?.send({ type: 'gone', volume: index, error })
  }

  /** From now on no primary of a lower term gets anything confirmed here. */
  seal(): void {
    this.rules.seal()
    this.#link?.close('the claim is being taken over')
  }

  async close(): Promise<void> {
    await this.#endpoint?.close('the worker changes its role')
    for (const place of this.#places) {
      const { seat } = place
      place.seat = null
      await seat?.close()
    }
  }

  nextClaim(current: Claim): Claim {
    const upToDate = Object.fromEntries(Object.keys(current.upToDate).map((volume) => [volume, [this.spec.host]]))
    return { ...current, term: current.term + 1, holder: this.spec.host, upToDate }
  }
}

function requestOf(frame: Request): ReplicaRequest {
  switch (frame.type) {
    case 'write':
      return { kind: 'write', offset: frame.offset, length: frame.data.length, data: frame.data, fua: frame.fua }
    case 'zero':
      return { kind: 'zero', offset: frame.offset, length: frame.length, punch: frame.punch, fua: frame.fua }
    case 'read':
    case 'hash':
      return { kind: frame.type, offset: frame.offset, length: frame.length }
    case 'flush':
      return { kind: 'flush', offset: 0, length: 0 }
    case 'mark':
      return { kind: 'mark', offset: 0, length: 0, mark: frame.mark }
  }
}
