import type { StoredClaim } from '../../core/domain/claim'
import { Secondary as SecondaryRules } from '../../core/mirror/secondary'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { PeerEndpoint, Refuse } from '../../ports/peer-connect'
import type { FrameMemory, PeerLink } from '../../ports/peer-link'
import { PEER_PROTOCOL, type Hello, type PeerFrame, type Welcome } from '../../wire/peer'
import { isEpochFrame } from '../../wire/peer-epochs'
import type { WorkerSpec } from '../../wire/worker-api'
import { unlessUnreachable } from './claim/claim-keeper'
import { refusalOf } from './greeting'
import type { WorkerParts } from './parts'
import { isSane, requestOf, type RequestFrame } from './peer/peer-request'
import { Place } from './place'
import { HANG_LIMIT_MS, type Seat } from './seat'
import { within } from './within'

/** The activity log is emptied when all in it is settled, looked at so often. */
const IDLE_EVERY_MS = 5000

/** The side that keeps the copy: does what the primary of the highest term says, and takes the claim when it is told to. */
export class Secondary {
  readonly #places: readonly Place[]
  readonly rules: SecondaryRules
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  /** Frames that wait: what an older link asked for, or a new term, must be on the disk first. Null when none has to. */
  #waiting: { frame: PeerFrame; link: PeerLink }[] | null = null
  #ready: Promise<unknown> = Promise.resolve()
  /** Which opening of each replica the link has been told of. */
  #told: (Seat | undefined)[] = []
  /** The claim was read a moment ago. */
  #claimIsFresh = true
  #idleAtMs = 0
  /** Whose requests the replicas are numbered by. */
  #primary = ''
  #greeted = ''
  guestActive = false
  /** When the primary was last heard; monotonic. */
  lastHeardMs = Number.NEGATIVE_INFINITY
  claim: StoredClaim
  /** It was asked for, and nobody has said since whose it is. */
  mayHold = false
  /** The primary said that it gave its claim away. */
  wasGiven = false

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    stored: StoredClaim,
  ) {
    this.claim = stored
    this.rules = new SecondaryRules(stored.claim.term, parts.clock.nowMs())
    this.#places = spec.volumes.map(
      (volume, index) =>
        new Place(volume, parts, {
          isListed: () => this.#isListed(volume.key),
          up: (seat) => this.#up(index, seat),
          failed: (error) => this.#failed(index, error),
        }),
    )
  }

  get peerConnected(): boolean {
    return this.#link !== null
  }

  /** The guest may be started here. */
  get isFit(): boolean {
    return this.#places.every((place) => place.isFit)
  }

  /** Resolves when each replica has been written to: one that is gone, of which nobody has asked anything since, has failed by then. */
  async look(): Promise<void> {
    await Promise.all(this.#places.flatMap(({ seat }) => seat?.saveTerm(seat.metadata.term) ?? []))
  }

  get host(): HostUuid {
    return this.spec.host
  }

  get places(): readonly Place[] {
    return this.#places
  }

  replicaState(index: number): 'up-to-date' | 'inconsistent' | 'failed' {
    const seat = this.#places[index]?.seat
    if (seat == null) return 'failed'
    return seat.state === 'up-to-date' ? 'up-to-date' : 'inconsistent'
  }

  /** A replica that cannot be opened keeps nobody from the others; nor does one whose disk is silent. */
  async open(): Promise<void> {
    await within(this.parts.timers, HANG_LIMIT_MS, Promise.all(this.#places.map((place) => place.open())))
    this.#claimIsFresh = false
    const listen = this.spec.listen
    if (listen === null) throw new Error('a secondary has a port')
    this.#endpoint = await this.parts.listenPeer({
      ...listen,
      onHello: (hello) => this.#hello(hello),
      events: {
        up: (link) => {
          this.#link = link
          this.#told = []
          this.#hold(() => this.#present(link))
        },
        frame: (frame, link, memory) => this.#frame(frame, link, memory),
        down: () => (this.#link = null),
      },
    })
  }

  /** A witness that is silent may have stored that it does. */
  async #isListed(key: VolumeKey): Promise<boolean> {
    if (!this.#claimIsFresh) {
      const stored = await unlessUnreachable(this.parts.witness.read(this.claim.claim.vm))
      if (stored == null) return true
      if (stored.revision > this.claim.revision) this.claim = stored
    }
    return this.claim.claim.upToDate[key]?.includes(this.spec.host) ?? false
  }

  #up(index: number, seat: Seat): void {
    this.#raise(seat.metadata.term)
    void this.#ready.then(() => {
      if (this.#link !== null) this.#tellPresent(index, this.#link)
    })
  }

  tick(nowMs: number): void {
    for (const place of this.#places) place.tick(nowMs)
    if (nowMs < this.#idleAtMs) return
    this.#idleAtMs = nowMs + IDLE_EVERY_MS
    for (const { seat } of this.#places) seat?.idle()
  }

  /** What an older link asked for must not reach the disk after what this one asks for. */
  async #present(link: PeerLink): Promise<void> {
    const isNew = this.#greeted !== this.#primary
    this.#primary = this.#greeted
    const settle = async ({ seat }: Place): Promise<void> => {
      await seat?.linkLost()
      if (isNew) await seat?.newPrimary()
    }
    await Promise.all(this.#places.map(settle))
    for (const index of this.#places.keys()) this.#tellPresent(index, link)
  }

  #tellPresent(index: number, link: PeerLink): void {
    const place = this.#places[index]
    if (place?.seat == null || link !== this.#link || this.#told[index] === place.seat) return
    this.#told[index] = place.seat
    const bits = place.seat.bits()
    for (const page of bits.pagesInUse()) link.send({ type: 'bits', volume: index, page, data: bits.page(page) })
    link.send({ type: 'present', volume: index, presence: place.seat.presence(place.incarnation) })
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
    const refuse = refusalOf(hello, this.spec, this.rules)
    if (refuse !== null) return { refuse }
    this.#raise(hello.term)
    this.#greeted = hello.incarnation
    const notes = this.parts.deciding?.keepsNotes === true ? ({ notes: true } as const) : {}
    return { welcome: { protocol: PEER_PROTOCOL, host: this.spec.host, ...notes } }
  }

  /** Each open replica knows the highest term before anything more is done to it. */
  #raise(term: number): void {
    this.rules.raised(term)
    const highest = this.rules.term
    const behind = this.#places.flatMap(({ seat }) => (seat !== null && seat.metadata.term < highest ? [seat] : []))
    if (behind.length > 0) this.#hold(() => Promise.all(behind.map((seat) => seat.saveTerm(highest))))
  }

  #frame(frame: PeerFrame, link: PeerLink, memory: FrameMemory | null): void {
    if (this.#waiting === null) this.#handle(frame, link, memory)
    else this.#waiting.push({ frame, link })
  }

  #handle(frame: PeerFrame, link: PeerLink, memory: FrameMemory | null): void {
    if (link !== this.#link) return
    if (isEpochFrame(frame)) {
      this.parts.log.warn('a frame of lockstep came from the primary, and lockstep is not wired', { type: frame.type })
      return
    }
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
      case 'spent':
        this.#spent(frame.term)
        break
      case 'note':
        if (this.rules.judge(frame.term).verdict !== 'do') break
        this.parts.deciding?.told(frame.note, frame.term, (noted) => {
          if (link === this.#link && this.rules.judge(frame.term).verdict === 'do') link.send({ type: 'noted', noted })
        })
        break
      case 'hello':
      case 'welcome':
      case 'refuse':
      case 'done':
      case 'data':
      case 'pong':
      case 'noted':
      case 'bits':
      case 'present':
      case 'gone':
        this.parts.log.warn('a frame that only a secondary sends came from the primary', { type: frame.type })
    }
  }

  #ping({ id, term, guestActive }: Extract<PeerFrame, { type: 'ping' }>, link: PeerLink): void {
    if (this.rules.judge(term).verdict !== 'do' || this.rules.isSpent(term)) return
    this.guestActive = guestActive
    this.lastHeardMs = this.parts.clock.nowMs()
    // The claim may be this host's already. A process that starts with it knows nothing of promises that this one makes meanwhile.
    if (this.mayHold) return
    this.rules.promised(this.parts.clock.nowMs())
    link.send({ type: 'pong', id })
  }

  /** Whoever is told to take the claim now need not wait for anything of it. */
  #spent(term: number): void {
    if (this.rules.judge(term).verdict !== 'do') return
    this.rules.spent(term)
    this.wasGiven = true
    this.lastHeardMs = Number.NEGATIVE_INFINITY
  }

  /** What is not told to be done may still be on its way to the disk: then its memory is not given back. */
  #perform(frame: RequestFrame, link: PeerLink, memory: FrameMemory | null): void {
    const { seq, volume, term } = frame
    const request = requestOf(frame)
    const place = this.#places[volume]
    if (place === undefined || !isSane(request, place.volume.sizeBytes)) {
      const { kind, offset, length } = request
      this.parts.log.warn('the primary asks for what is not on the disk', { volume, kind, offset, length })
      link.close('a request for what is not on the disk')
    } else if (this.rules.judge(term).verdict !== 'do') link.send({ type: 'done', seq, volume, error: 'TERM' })
    else if (place.seat === null) link.send({ type: 'done', seq, volume, error: 'EIO' })
    else
      place.seat.perform(seq, request, (error, data) => {
        memory?.giveBack(true)
        // Sealed while it was on the disk: an old primary must not hear of it.
        if (this.rules.judge(term).verdict !== 'do') return
        if (data === undefined) link.send({ type: 'done', seq, volume, error })
        else link.send({ type: 'data', seq, volume, data })
      })
  }

  #failed(index: number, error: string): void {
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
    await Promise.all(this.#places.map((place) => place.close()))
  }
}
