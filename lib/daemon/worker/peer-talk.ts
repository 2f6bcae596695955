import type { VmUuid } from '../../core/domain/ids'
import type { PeerEndpoint } from '../../ports/peer-connect'
import type { PeerLink } from '../../ports/peer-link'
import type { PeerFrame, Welcome } from '../../wire/peer'
import type { PeerAddress, WorkerSpec } from '../../wire/worker-api'
import type { Disk } from './disk'
import type { WorkerParts } from './parts'

/** A ping every so often keeps the peer's promise fresh: a lease holds seven of them. */
const PING_EVERY_MS = 200

export interface PeerTalkNeeds {
  readonly disks: () => readonly Disk[]
  readonly vm: () => VmUuid
  readonly term: () => number
  readonly guestActive: () => boolean
  /** The peer answered a ping that was sent at `askedAtMs`. */
  readonly promised: (askedAtMs: number) => void
}

/** The primary's conversation with its peer: what was asked and not answered, the replicas it offers, the pings. */
export class PeerTalk {
  #endpoint: PeerEndpoint | null = null
  #link: PeerLink | null = null
  #peer: PeerAddress | null = null
  #welcome: Welcome | null = null
  readonly #asked = new Map<number, { disk: Disk; op: number }>()
  #nextSeq = 1
  readonly #pings = new Map<number, number>()
  #nextPing = 1
  #pingAtMs = 0

  constructor(
    private readonly spec: WorkerSpec,
    private readonly parts: WorkerParts,
    private readonly needs: PeerTalkNeeds,
  ) {}

  get connected(): boolean {
    return this.#welcome !== null
  }

  /** As the daemon named it last; null before it has. */
  get peer(): PeerAddress | null {
    return this.#peer
  }

  dial(peer: PeerAddress | null): void {
    if (samePeer(peer, this.#peer) && this.#endpoint !== null) return
    void this.#endpoint?.close('the peer has another address')
    this.#endpoint = null
    this.#peer = peer
    if (peer === null) return
    const { pool, host, volumes } = this.spec
    this.#endpoint = this.parts.dialPeer({
      addresses: peer.addresses,
      port: peer.port,
      hello: {
        protocol: 1,
        ...{ pool, host, vm: this.needs.vm(), term: this.needs.term(), linkId: this.parts.newLinkId() },
        volumes: volumes.map(({ key, sizeBytes }) => ({ key, sizeBytes })),
      },
      onRefused: (refuse) => this.parts.log.warn('the peer refuses this primary', { ...refuse }),
      events: {
        up: (link) => {
          this.#link = link
        },
        frame: (frame) => this.#frame(frame),
        down: (reason) => this.#down(reason),
      },
    })
  }

  /** Sent if the peer is connected; a frame that is lost with the link is told by the replica's end. */
  send(frame: PeerFrame): void {
    this.#link?.send(frame)
  }

  /** Number of a request whose answer goes to `disk`. */
  ask(disk: Disk, op: number): number {
    const seq = this.#nextSeq++
    this.#asked.set(seq, { disk, op })
    return seq
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#pingAtMs + PING_EVERY_MS) this.ping(nowMs)
  }

  ping(nowMs: number): void {
    this.#pingAtMs = nowMs
    if (this.#link === null || this.#welcome === null) return
    const id = this.#nextPing++
    this.#pings.set(id, nowMs)
    this.#link.send({ type: 'ping', id, term: this.needs.term(), guestActive: this.needs.guestActive() })
  }

  async close(reason: string): Promise<void> {
    const endpoint = this.#endpoint
    this.#endpoint = null
    await endpoint?.close(reason)
  }

  #down(reason: string): void {
    this.#link = null
    this.#welcome = null
    this.#asked.clear()
    this.#pings.clear()
    for (const disk of this.needs.disks()) disk.apply({ on: 'replica-down', side: 'peer', error: reason })
  }

  #frame(frame: PeerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.#welcomed(frame.welcome)
        break
      case 'done':
        this.#answered(frame.seq, frame.error)
        break
      case 'data':
        this.#answered(frame.seq, '', frame.data)
        break
      case 'pong':
        this.#pong(frame.id)
        break
      case 'replica':
        this.#replicaNews(frame)
        break
      case 'hello':
      case 'refuse':
      case 'write':
      case 'zero':
      case 'flush':
      case 'read':
      case 'ping':
        this.parts.log.warn('a frame that only a primary sends came from the peer', { type: frame.type })
    }
  }

  #welcomed(welcome: Welcome): void {
    this.#welcome = welcome
    for (const disk of this.needs.disks()) {
      const at = welcome.volumes[disk.index]
      if (at === undefined || at.state === 'failed') continue
      const { incarnation } = welcome
      disk.apply({ on: 'replica-up', side: 'peer', identity: at.replica, incarnation, sound: at.state === 'up-to-date' })
    }
    this.ping(this.parts.clock.nowMs())
  }

  #replicaNews({ volume, usable, error }: Extract<PeerFrame, { type: 'replica' }>): void {
    const disk = this.needs.disks()[volume]
    // One that came back shows itself by a new welcome, with its identity.
    if (disk !== undefined && !usable) disk.apply({ on: 'replica-down', side: 'peer', error })
  }

  #answered(seq: number, error: string, data?: Buffer): void {
    const asked = this.#asked.get(seq)
    if (asked === undefined) return
    this.#asked.delete(seq)
    asked.disk.peerDone(asked.op, error, data)
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
