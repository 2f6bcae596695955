import type { VmUuid } from '../../../core/domain/ids'
import type { PeerEndpoint, Refuse } from '../../../ports/peer-connect'
import type { PeerLink } from '../../../ports/peer-link'
import type { DeciderNote } from '../../../core/domain/decider-note'
import { DirtyBitmap } from '../../../core/domain/dirty-bitmap'
import type { Hint, ReplicaRequest } from '../../../core/domain/replica-request'
import { bitmapPages } from '../../../core/domain/blocks'
import { PEER_PROTOCOL, type PeerFrame, type Welcome } from '../../../wire/peer'
import { type EpochReport, isEpochFrame, isEpochReport } from '../../../wire/peer-epochs'
import type { PeerAddress, WorkerSpec } from '../../../wire/worker-api'
import type { Disk } from '../disk/disk'
import { ExpectedAnswers } from './expected-answers'
import type { WorkerParts } from '../parts'
import { coded, PeerLooks } from './peer-looks'
import { frameOf } from './peer-request'

/** A ping every so often keeps the peer's promise fresh: a lease holds seven of them. */
const PING_EVERY_MS = 200
/** Of what a peer says, for a line of the status. */
const REFUSAL_LENGTH_MAX = 200

export interface PeerTalkNeeds {
  readonly disks: () => readonly Disk[]
  readonly vm: () => VmUuid
  readonly term: () => number
  readonly guestActive: () => boolean
  /** The peer answered a ping that was sent at `askedAtMs`. */
  readonly promised: (askedAtMs: number) => void
  readonly epoch: (report: EpochReport) => void
  /** The conversation is over; before the disks hear of it. */
  readonly down: (reason: string) => void
}

/** The primary's conversation with its peer: what was asked and not answered, the replicas it offers, the pings. */
export class PeerTalk {
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  #peer: PeerAddress | null = null
  #welcome: Welcome | null = null
  /** Pages of a replica's bitmap that have come, until its `present` follows. */
  readonly #bits = new Map<Disk, DirtyBitmap>()
  readonly #pings = new Map<number, number>()
  readonly #expected = new ExpectedAnswers()
  readonly #looks = new PeerLooks()
  #refused: Refuse | null = null
  #heardAtMs = Number.NEGATIVE_INFINITY
  #nextPing = 1
  #pingAtMs = 0
  #isSpent = false
  #isApart = false

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    private readonly needs: PeerTalkNeeds,
  ) {}

  get connected(): boolean {
    return this.#welcome !== null
  }

  /** Why it is not connected. */
  get absence(): string {
    if (this.#refused === null) return 'the peer is not connected'
    return `the peer refuses this host: ${this.#refused.text.slice(0, REFUSAL_LENGTH_MAX)} (${this.#refused.code})`
  }

  /** When anything of it was heard, also that it refuses; monotonic. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** As the daemon named it last; null before it has. */
  get peer(): PeerAddress | null {
    return this.#peer
  }

  dial(peer: PeerAddress | null): void {
    if (samePeer(peer, this.#peer) && this.#endpoint !== null) return
    this.#hangUp('the peer has another address')
    this.#peer = peer
    this.#refused = null
    this.#connect()
  }

  /** While it is, the peer is not dialled. */
  apart(isApart: boolean): void {
    if (isApart === this.#isApart) return
    this.#isApart = isApart
    if (isApart) this.#hangUp('the peer lacks what the guest was told is done')
    else this.#connect()
  }

  /** Frames of lockstep go this way; null while the peer is not connected, or does not know them. */
  get epochs(): PeerLink | null {
    return this.#welcome?.lockstep === true ? this.#link : null
  }

  #hangUp(reason: string): void {
    void this.#endpoint?.close(reason)
    this.#endpoint = null
  }

  #connect(): void {
    const peer = this.#peer
    if (peer === null || this.#isApart) return
    const { pool, host, volumes } = this.spec
    this.#endpoint = this.parts.dialPeer({
      addresses: peer.addresses,
      port: peer.port,
      hello: {
        protocol: PEER_PROTOCOL,
        ...{ pool, host, vm: this.needs.vm(), term: this.needs.term(), linkId: this.parts.newLinkId() },
        incarnation: this.parts.incarnation,
        volumes: volumes.map(({ key, sizeBytes }) => ({ key, sizeBytes })),
      },
      onRefused: (refuse) => {
        this.#refused = refuse
        this.#heardAtMs = this.parts.clock.nowMs()
        if (refuse.code === 'SEALED') for (const disk of this.needs.disks()) disk.patience.sealed(this.parts.clock.nowMs())
        this.parts.log.warn('the peer refuses this primary', { ...refuse })
      },
      events: {
        up: (link) => {
          this.#link = link
        },
        frame: (frame) => this.#frame(frame),
        down: (reason) => this.#down(reason),
      },
    })
  }

  /** Sent if the peer is connected; a request that is lost with the link is told by the replica's end. */
  ask(disk: Disk, seq: number, request: ReplicaRequest): void {
    if (this.#link === null) return
    this.#expected.asked(disk.index, seq, request)
    this.#link.send(frameOf(request, seq, disk.index, this.needs.term()))
  }

  hint(disk: Disk, hint: Hint): void {
    this.#link?.send({ type: 'hint', volume: disk.index, hint, term: this.needs.term() })
  }

  /** Of the blocks of the peer's replica, whether the mirror uses it or not. Rejects with the peer's code or ECONNRESET. */
  digests(disk: Disk, offset: number, length: number): Promise<Buffer> {
    const link = this.#link
    if (link === null) return Promise.reject(coded('ENOTCONN'))
    return this.#looks.ask((seq) => {
      const request = { kind: 'hash', offset, length } as const
      this.#expected.asked(disk.index, seq, request)
      link.send(frameOf(request, seq, disk.index, this.needs.term()))
    })
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#pingAtMs + PING_EVERY_MS) this.ping(nowMs)
  }

  ping(nowMs: number): void {
    this.#pingAtMs = nowMs
    if (this.#link === null || this.#welcome === null || this.#isSpent) return
    const id = this.#nextPing++
    this.#pings.set(id, nowMs)
    this.#link.send({ type: 'ping', id, term: this.needs.term(), guestActive: this.needs.guestActive() })
  }

  /** This side has given its claim away, and answers nothing any more: it wants no promise. */
  spent(): void {
    this.#link?.send({ type: 'spent', term: this.needs.term() })
    this.#isSpent = true
  }

  async close(reason: string): Promise<void> {
    const endpoint = this.#endpoint
    this.#endpoint = null
    await endpoint?.close(reason)
  }

  #tellNotes({ notes }: Welcome): void {
    const [link, host] = [this.#link, this.#peer?.host]
    if (link === null || host === undefined) return
    const tell = notes === true ? (note: DeciderNote) => link.send({ type: 'note', note, term: this.needs.term() }) : null
    this.parts.deciding?.peerUp(host, tell)
  }

  #down(reason: string): void {
    this.parts.deciding?.peerDown()
    this.#link = null
    this.#welcome = null
    this.#bits.clear()
    this.#pings.clear()
    this.#expected.clear()
    this.#looks.lost()
    this.needs.down(reason)
    for (const disk of this.needs.disks()) disk.replicaDown('peer', reason)
  }

  #frame(frame: PeerFrame): void {
    this.#heardAtMs = this.parts.clock.nowMs()
    if (isEpochFrame(frame)) {
      if (isEpochReport(frame)) this.needs.epoch(frame)
      else this.#misplaced(frame)
      return
    }
    switch (frame.type) {
      case 'done':
        this.#answered(frame.volume, frame.seq, frame.error, undefined)
        break
      case 'data':
        this.#answered(frame.volume, frame.seq, '', frame.data)
        break
      case 'pong':
        this.#pong(frame.id)
        break
      case 'welcome':
        this.#welcome = frame.welcome
        this.#refused = null
        this.#tellNotes(frame.welcome)
        this.ping(this.parts.clock.nowMs())
        break
      case 'bits':
        this.#page(frame)
        break
      case 'present':
        this.#present(frame)
        break
      case 'noted':
        this.parts.deciding?.peerNoted(frame.noted)
        break
      case 'gone':
        this.needs.disks()[frame.volume]?.replicaDown('peer', frame.error)
        break
      case 'hello':
      case 'refuse':
      case 'write':
      case 'zero':
      case 'flush':
      case 'read':
      case 'hash':
      case 'mark':
      case 'hint':
      case 'ping':
      case 'spent':
      case 'note':
        this.#misplaced(frame)
    }
  }

  #misplaced({ type }: PeerFrame): void {
    this.parts.log.warn('a frame that only a primary sends came from the peer', { type })
  }

  #answered(volume: number, seq: number, error: string, data: Buffer | undefined): void {
    const disk = this.needs.disks()[volume]
    if (disk !== undefined && this.#expected.fits(volume, seq, error, data?.length ?? null)) {
      if (!this.#looks.answered(seq, error, data)) disk.peerDone(seq, error, data)
    } else this.#link?.close(`an answer (${volume}, ${seq}) that does not fit what was asked`)
  }

  #page({ volume, page, data }: Extract<PeerFrame, { type: 'bits' }>): void {
    const disk = this.needs.disks()[volume]
    if (disk === undefined || page >= bitmapPages(disk.volume.sizeBytes)) {
      this.parts.log.warn('a page of a bitmap that no disk has came from the peer', { volume, page })
      return
    }
    const bits = this.#bits.get(disk) ?? new DirtyBitmap(disk.volume.sizeBytes)
    bits.mergePage(page, data)
    this.#bits.set(disk, bits)
  }

  #present({ volume, presence }: Extract<PeerFrame, { type: 'present' }>): void {
    const disk = this.needs.disks()[volume]
    if (disk === undefined) return
    const bits = this.#bits.get(disk) ?? new DirtyBitmap(disk.volume.sizeBytes)
    this.#bits.delete(disk)
    disk.replicaUp('peer', presence, bits)
  }

  #pong(id: number): void {
    const askedAtMs = this.#pings.get(id)
    if (askedAtMs === undefined) return
    this.#pings.delete(id)
    this.needs.promised(askedAtMs)
  }
}

const samePeer = (a: PeerAddress | null, b: PeerAddress | null): boolean =>
  a?.host === b?.host && a?.port === b?.port && a?.addresses.join() === b?.addresses.join()
