import { createHmac, timingSafeEqual } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { HEARTBEAT_EVERY_MS, type Heartbeat, type HostRole, type SenderHealth } from '../../core/domain/heartbeat'
import type { HostUuid } from '../../core/domain/ids'
import { PORTS } from '../../core/domain/layout'
import type { Log } from '../../ports/log'
import { decodeHeartbeat, encodeHeartbeat } from '../../wire/heartbeat'
import { Hearing } from './heartbeat-hearing'
import { RareWarning } from '../log/rare-log'
import { systemClock } from '../system/system-clock'

export interface HeartbeatLink {
  readonly name: string
  /** Ours on this link. */
  readonly address: string
  /** The peers' addresses on it. */
  readonly peers: readonly string[]
}

export interface HeartbeatOptions {
  readonly pool: string
  readonly host: HostUuid
  /** 32 bytes. */
  readonly key: Buffer
  /** See incarnation.ts. */
  readonly incarnation: number
  readonly links: readonly HeartbeatLink[]
  /** Asked before each heartbeat. */
  readonly role: () => HostRole
  /** Heartbeats of other hosts of this pool, proven by their tag, that came on the link they name. */
  readonly received: (heartbeat: Heartbeat) => void
  readonly log: Log
  readonly port?: number
  readonly everyMs?: number
}

export interface Heartbeats {
  close(): void
}

/** How soon an address that could not be bound (its network is not up yet) is tried again. */
const BIND_AGAIN_MS = 1000
/** A host of an earlier version understands version 1 alone: that is sent, too, unless the host has spoken version 2 lately. */
const SPEAKS_MS = 5000

/** Sends and hears heartbeats on every link until close(). A link that is down is tried again; the others go on. */
export function startHeartbeats(options: HeartbeatOptions): Heartbeats {
  const hearing = new Hearing(options.everyMs)
  const links = options.links.map((link) => new LinkSocket(link, options, hearing))
  let counter = 0
  const send = (): void => {
    counter += 1
    const sender = hearing.tell(systemClock.nowMs())
    for (const link of links) link.send(counter, sender)
  }
  const timer = setInterval(send, options.everyMs ?? HEARTBEAT_EVERY_MS)
  return {
    close: () => {
      clearInterval(timer)
      for (const link of links) link.close()
    },
  }
}

/** One UDP socket, bound to our address on one link, so that what arrives on it has travelled that link. */
class LinkSocket {
  private socket: Socket | null = null
  private bound = false
  private retry: NodeJS.Timeout | undefined
  /** By address: ours for binding, a peer's for sending. Empty or absent: none. */
  private readonly troubles = new Map<string, string>()
  private readonly strangers: RareWarning
  /** By address: when version 2 was last heard from there. */
  private readonly spoke = new Map<string, number>()

  constructor(
    private readonly link: HeartbeatLink,
    private readonly options: HeartbeatOptions,
    private readonly hearing: Hearing,
  ) {
    this.strangers = new RareWarning(options.log, 'ignored datagrams that are no heartbeats of this pool')
    this.bind()
  }

  send(counter: number, sender: SenderHealth): void {
    if (this.socket === null || !this.bound) return
    const { pool, host, incarnation, role } = this.options
    const heartbeat = { pool, host, incarnation, counter, link: this.link.name, role: role() }
    const [now, before] = [sender, null].map((each) =>
      encodeHeartbeat({ ...heartbeat, sender: each }, (signed) => this.tagOf(signed)),
    ) as [Buffer, Buffer]
    for (const peer of this.link.peers) {
      this.socket.send(now, this.port, peer, (error) => this.outcome(peer, error))
      if (!this.speaks(peer)) this.socket.send(before, this.port, peer, (error) => this.outcome(peer, error))
    }
  }

  private speaks(peer: string): boolean {
    return systemClock.nowMs() - (this.spoke.get(peer) ?? Number.NEGATIVE_INFINITY) < SPEAKS_MS
  }

  close(): void {
    clearTimeout(this.retry)
    this.socket?.close()
    this.socket = null
  }

  private get port(): number {
    return this.options.port ?? PORTS.heartbeat
  }

  private bind(): void {
    const { address } = this.link
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
    this.socket = socket
    this.bound = false
    socket.on('message', (datagram, from) => this.heard(datagram, from.address))
    socket.once('listening', () => {
      this.bound = true
      this.outcome(address, null)
    })
    socket.on('error', (error) => {
      this.outcome(address, error)
      if (this.socket !== socket) return
      socket.close()
      this.socket = null
      this.retry = setTimeout(() => this.bind(), BIND_AGAIN_MS)
    })
    socket.bind({ address, port: this.port })
  }

  /** A link that is down fails ten times a second: said once, and once when it is over. */
  private outcome(address: string, error: Error | null): void {
    const trouble = error?.message ?? ''
    if (trouble === (this.troubles.get(address) ?? '')) return
    this.troubles.set(address, trouble)
    const facts = { link: this.link.name, address }
    if (trouble !== '') this.options.log.warn('heartbeats cannot be sent or heard', { ...facts, trouble })
    else this.options.log.info('heartbeats can be sent and heard again', facts)
  }

  private heard(datagram: Buffer, from: string): void {
    const { pool, host, received } = this.options
    const heartbeat = decodeHeartbeat(datagram, (signed, tag) => timingSafeEqual(this.tagOf(signed), tag))
    if (heartbeat?.pool !== pool || heartbeat.link !== this.link.name) {
      this.strangers.happened({ link: this.link.name, from })
      return
    }
    if (heartbeat.host === host) return
    const nowMs = systemClock.nowMs()
    if (heartbeat.sender !== null) this.spoke.set(from, nowMs)
    this.hearing.heard(heartbeat.host, this.link.name, heartbeat.counter, nowMs)
    received(heartbeat)
  }

  private tagOf(signed: Buffer): Buffer {
    return createHmac('sha256', this.options.key).update(signed).digest()
  }
}
