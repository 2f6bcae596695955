import type { ReplicaRequest } from '../../../lib/core/domain/replica-request'
import { Secondary } from '../../../lib/core/mirror/secondary'
import type { LinkEnd, LinkEvents } from '../../world/link'
import type { Worker } from './host'
import { LocalReplica } from './local-replica'
import { VM, VOLUME } from './names'
import type { Hello, PeerMessage } from './peer-message'

const IDLE_EVERY_MS = 400

/** A worker in the role of the secondary: does what the primary of the highest term says. */
export class Standby {
  readonly rules: Secondary
  readonly #local: LocalReplica
  #link: LinkEnd<PeerMessage> | null = null
  /** Frames that wait: what an older link asked for, or a new term, must be on the disk first. Null when none has to. */
  #waiting: PeerMessage[] | null = null
  #primary = ''
  #idleAt = 0
  /** When the primary was last heard. */
  heardAt = -Infinity
  /** A disk that was never opened has told no term: until then nobody is greeted. */
  isOpen = false
  #isPresent = false

  constructor(private readonly worker: Worker) {
    this.rules = new Secondary(0, worker.host.nowMs)
    this.#local = new LocalReplica(worker, {
      up: (seat) => {
        this.rules.raised(seat.term)
        this.isOpen = true
        if (this.#link !== null && this.#waiting === null) this.#present(this.#link)
      },
      down: (error) => {
        if (this.#isPresent) this.#link?.send({ type: 'gone', error })
        this.#isPresent = false
      },
      isListed: (then) => this.#isListed(then),
    })
  }

  start(): void {
    this.#local.openFound()
  }

  get isFit(): boolean {
    return this.#local.seat?.isFit === true
  }

  /** A witness that is silent may have stored that it does. */
  #isListed(then: (listed: boolean) => void): void {
    this.worker.askWitness({ op: 'read', vm: VM }, (answer) => {
      const claim = answer?.op === 'read' ? answer.found?.claim : undefined
      then(claim?.upToDate[VOLUME]?.includes(this.worker.host.uuid) ?? true)
    })
  }

  tick(): void {
    const { now } = this.worker.world.schedule
    this.#local.seat?.tick()
    if (now < this.#idleAt) return
    this.#idleAt = now + IDLE_EVERY_MS
    this.#local.seat?.idle()
  }

  /** Null: refused. */
  greets(hello: Hello): { events: LinkEvents<PeerMessage>; linked: (link: LinkEnd<PeerMessage>) => void } | null {
    if (!this.isOpen) return null
    const { verdict, raise } = this.rules.judge(hello.term)
    if (verdict !== 'do') {
      this.worker.world.probe(`hello: ${verdict}`)
      return null
    }
    if (raise) this.rules.raised(hello.term)
    this.#link?.close('another link')
    let mine: LinkEnd<PeerMessage> | null = null
    return {
      linked: (link) => {
        mine = link
        this.#linked(link, hello)
      },
      events: {
        frame: (message) => {
          if (mine === null || mine !== this.#link) return
          if (this.#waiting === null) this.#handle(message)
          else this.#waiting.push(message)
        },
        down: () => {
          if (mine === this.#link) this.#link = null
        },
      },
    }
  }

  /** What an older link asked for must not reach the disk after what this one asks for. */
  #linked(link: LinkEnd<PeerMessage>, hello: Hello): void {
    this.#link = link
    this.#waiting = []
    link.send({ type: 'welcome' })
    const isNew = hello.incarnation !== this.#primary
    this.#primary = hello.incarnation
    if (!isNew) this.worker.world.probe('the same primary links again')
    const { seat } = this.#local
    const go = (): void => {
      if (link !== this.#link) return
      const waiting = this.#waiting ?? []
      this.#waiting = null
      this.#present(link)
      for (const message of waiting) if (link === this.#link) this.#handle(message)
    }
    if (seat === null) go()
    else seat.linkLost(() => seat.saveTerm(hello.term, () => (isNew ? seat.newPrimary(go) : go())))
  }

  seal(): void {
    this.rules.seal()
    this.#link?.close('the claim is being taken over')
  }

  stop(stopped: () => void): void {
    this.#link?.close('the secondary stops')
    this.#local.close(stopped)
  }

  died(silently: boolean): void {
    this.#link?.dies(silently)
  }

  #present(link: LinkEnd<PeerMessage>): void {
    const { seat } = this.#local
    this.#isPresent = seat !== null
    if (seat !== null) link.send({ type: 'present', presence: seat.presence(this.#local.incarnation), bits: seat.bits() })
  }

  #handle(message: PeerMessage): void {
    switch (message.type) {
      case 'io':
        this.#perform(message)
        break
      case 'hint':
        if (this.rules.judge(message.term).verdict === 'do') this.#local.seat?.hint(message.hint)
        break
      case 'ping':
        if (this.rules.judge(message.term).verdict !== 'do') return
        this.heardAt = this.worker.world.schedule.now
        this.rules.promised(this.worker.host.nowMs)
        this.#link?.send({ type: 'pong', id: message.id })
        break
      case 'welcome':
      case 'done':
      case 'pong':
      case 'present':
      case 'gone':
        throw new Error(`a primary sent ${message.type}`)
    }
  }

  #perform({ op, request, term }: { op: number; request: ReplicaRequest; term: number }): void {
    const link = this.#link
    const { seat } = this.#local
    if (this.rules.judge(term).verdict !== 'do') link?.send({ type: 'done', op, error: 'TERM', data: undefined })
    else if (seat === null) link?.send({ type: 'done', op, error: 'EIO', data: undefined })
    else
      seat.perform(op, request, (error, data) => {
        // Sealed while it was on the disk: an old primary must not hear of it.
        if (this.rules.judge(term).verdict === 'do') link?.send({ type: 'done', op, error, data })
      })
  }
}
