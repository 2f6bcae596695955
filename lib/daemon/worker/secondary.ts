import type { StoredClaim } from '../../core/domain/claim'
import { Secondary as SecondaryRules } from '../../core/mirror/secondary'
import type { HostUuid, VolumeKey } from '../../core/domain/ids'
import type { PeerEndpoint, Refuse } from '../../ports/peer-connect'
import type { FrameMemory, PeerLink } from '../../ports/peer-link'
import { PEER_PROTOCOL, type Hello, type PeerFrame, type Welcome } from '../../wire/peer'
import { type EpochFrame, isEpochFrame } from '../../wire/peer-epochs'
import type { WorkerSpec } from '../../wire/worker-api'
import { unlessUnreachable } from './claim/claim-keeper'
import { refusalOf } from './greeting'
import type { WorkerParts } from './parts'
import { type PeerAsk, ReplicaRequests } from './peer/replica-requests'
import { Presences } from './peer/presences'
import { StandbySide } from './lockstep/standby-side'
import { Place } from './place'
import { HANG_LIMIT_MS, type Seat } from './seat'
import { within } from './within'

/** The activity log is emptied when all in it is settled, looked at so often. */
const IDLE_EVERY_MS = 5000

/** The side that keeps the copy: does what the primary of the highest term says, and takes the claim when it is told to. */
export class Secondary {
  readonly #places: readonly Place[]
  readonly rules: SecondaryRules
  readonly #requests: ReplicaRequests
  /** Undefined: this worker keeps none. */
  readonly standby: StandbySide | undefined
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  /** Frames that wait: what an older link asked for, or a new term, must be on the disk first. Null when none has to. */
  #waiting: { frame: PeerFrame; link: PeerLink }[] | null = null
  #ready: Promise<unknown> = Promise.resolve()
  readonly #presences: Presences
  /** The claim was read a moment ago. */
  #claimIsFresh = true
  #idleAtMs = 0
  /** Whose requests the replicas are numbered by. */
  #primary = ''
  #greeted = ''
  guestActive = false
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
    this.#presences = new Presences(this.#places)
    this.#requests = new ReplicaRequests({
      ...{ log: parts.log, places: this.#places },
      may: (term) => this.rules.judge(term).verdict === 'do',
      takes: (ask, bytes) => this.standby?.takes(ask, bytes) ?? false,
    })
    const write = (ask: PeerAsk): Promise<string> => this.#requests.write(ask)
    const standby = { vm: stored.claim.vm, log: parts.log, link: () => this.#link, write }
    this.standby = parts.checkpoints && new StandbySide({ ...standby, checkpoints: parts.checkpoints })
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
          this.#presences.begin()
          const settled = this.standby?.session()
          this.#hold(() => this.#present(link, settled))
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
      if (this.#link !== null) this.#presences.tell(index, this.#link)
    })
  }

  tick(nowMs: number): void {
    for (const place of this.#places) place.tick(nowMs)
    if (nowMs < this.#idleAtMs) return
    this.#idleAtMs = nowMs + IDLE_EVERY_MS
    for (const { seat } of this.#places) seat?.idle()
  }

  /** What an older link asked for must not reach the disk after what this one asks for. */
  async #present(link: PeerLink, settled: Promise<void> | undefined): Promise<void> {
    await settled
    const isNew = this.#greeted !== this.#primary
    this.#primary = this.#greeted
    const settle = async ({ seat }: Place): Promise<void> => {
      await seat?.linkLost()
      if (isNew) await seat?.newPrimary()
    }
    await Promise.all(this.#places.map(settle))
    for (const index of this.#places.keys()) {
      if (link === this.#link) this.#presences.tell(index, link)
    }
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
    const lockstep = this.standby === undefined ? {} : ({ lockstep: true } as const)
    return { welcome: { protocol: PEER_PROTOCOL, host: this.spec.host, ...notes, ...lockstep } }
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
      this.#epoch(frame)
      return
    }
    switch (frame.type) {
      case 'write':
      case 'zero':
      case 'flush':
      case 'read':
      case 'hash':
      case 'mark':
        this.#requests.perform({ frame, link, memory })
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

  /** What a primary says of a run is of a term that may speak; nobody else says such things. */
  #epoch(frame: EpochFrame): void {
    if ('term' in frame && this.rules.judge(frame.term).verdict !== 'do') return
    if ('term' in frame) this.rules.heard(frame.term, this.parts.clock.nowMs())
    if (this.standby === undefined)
      this.parts.log.warn('a frame of lockstep came, and no standby is kept here', { type: frame.type })
    else this.standby.frame(frame)
  }

  #ping({ id, term, guestActive }: Extract<PeerFrame, { type: 'ping' }>, link: PeerLink): void {
    if (this.rules.judge(term).verdict !== 'do' || this.rules.isSpent(term)) return
    this.guestActive = guestActive
    this.rules.heard(term, this.parts.clock.nowMs())
    // The claim may be this host's already. A process that starts with it knows nothing of promises that this one makes meanwhile.
    if (this.mayHold) return
    this.rules.promised(this.parts.clock.nowMs())
    link.send({ type: 'pong', id })
  }

  #spent(term: number): void {
    if (this.rules.judge(term).verdict !== 'do') return
    this.rules.spent(term)
    this.wasGiven = true
  }

  #failed(index: number, error: string): void {
    this.#requests.failed(index, error)
    this.parts.timeline.record({
      ...{ vm: this.spec.vm, act: 'secondary-replica-failed', rule: error === 'ETIMEDOUT' ? 'io-hangs' : 'io-failed' },
      text: `The secondary replica failed (${error}); the primary is told and goes on alone.`,
      evidence: { volume: this.spec.volumes[index]?.key ?? null, error },
    })
    this.#link?.send({ type: 'gone', volume: index, error })
  }

  /** From now on no primary of a lower term gets anything confirmed here. */
  seal(): void {
    this.rules.seal()
    this.standby?.seal()
    this.#link?.close('the claim is being taken over')
  }

  /** It was not taken. */
  unseal(): void {
    this.rules.unseal()
    this.standby?.unseal()
  }

  async close(): Promise<void> {
    await Promise.all([this.#endpoint?.close('the worker changes its role'), this.standby?.close()])
    await Promise.all(this.#places.map((place) => place.close()))
  }
}
