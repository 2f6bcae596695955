import type { HostUuid } from '../../../lib/core/domain/ids'
import type { PeerDial, PeerEndpoint, PeerListen, Refuse } from '../../../lib/ports/peer-connect'
import type { PeerLink } from '../../../lib/ports/peer-link'
import type { Hello, PeerFrame } from '../../../lib/wire/peer'
import { LinkEnd, type LinkEvents } from '../../world/link'
import type { Roads } from './lanes-between'
import { nameOf } from './names'
import type { Process } from './process'

/** After a refusal, and after anything else that went wrong. */
const AGAIN_MS = { refused: 1000, failed: 120 } as const

const linkOf = (end: LinkEnd<PeerFrame>): PeerLink => ({
  send: (frame) => end.send(frame),
  queuedBytes: 0,
  close: (reason) => end.close(reason),
})

/** Who accepts links on a host, by port. */
export class Doors {
  readonly #open = new Map<string, Listener>()

  constructor(private readonly roads: Roads) {}

  listen(process: Process, host: HostUuid, listen: PeerListen): PeerEndpoint {
    const at = `${host}:${listen.port}`
    const listener = new Listener(process, listen)
    this.#open.set(at, listener)
    return {
      port: listen.port,
      close: (reason) => {
        if (this.#open.get(at) === listener) this.#open.delete(at)
        listener.end(reason)
        return process.within(1)
      },
    }
  }

  /** `to`: the host that has these addresses. */
  dial(process: Process, from: HostUuid, to: HostUuid, dial: PeerDial): PeerEndpoint {
    const dialer = new Dialer(process, dial, (told) => this.#knock(process, from, to, dial, told))
    dialer.again(0)
    return {
      port: dial.port,
      close: (reason) => {
        dialer.close(reason)
        return Promise.resolve()
      },
    }
  }

  #knock(process: Process, from: HostUuid, to: HostUuid, { port }: PeerDial, told: Told): void {
    const { schedule, dice } = process.nature
    const { lanes, direction } = this.roads.between(nameOf(from), nameOf(to))
    const back = (tell: () => void): void => {
      const up = lanes.lanes.filter((lane) => lane.up)
      if (up.length > 0) lanes.carry(dice.of(up), direction === 0 ? 1 : 0, () => schedule.to(process.life, tell))
    }
    const up = lanes.lanes.filter((lane) => lane.up)
    if (up.length === 0) return
    lanes.carry(dice.of(up), direction, () => {
      const listener = this.#open.get(`${to}:${port}`)
      if (listener?.life.alive !== true) return
      schedule.to(listener.life, () => {
        if (!lanes.isUp || !process.life.alive || !told.isWanted()) return
        const answer = listener.asked(told.hello)
        if (answer === null) return
        if ('refuse' in answer) {
          back(() => told.refused(answer.refuse))
          return
        }
        const here: [Process['life'], LinkEvents<PeerFrame>] = [process.life, told.events]
        const there: [Process['life'], LinkEvents<PeerFrame>] = [listener.life, answer.events]
        const isFirst = direction === 0
        const [one, two] = isFirst ? LinkEnd.pair(lanes, here, there) : LinkEnd.pair(lanes, there, here)
        told.joined(isFirst ? one : two)
        answer.joined(isFirst ? two : one)
      })
    })
  }
}

interface Told {
  readonly hello: Hello
  readonly isWanted: () => boolean
  readonly events: LinkEvents<PeerFrame>
  readonly joined: (end: LinkEnd<PeerFrame>) => void
  readonly refused: (refuse: Refuse) => void
}

/** One link at a time; a newer one ends the older. */
class Listener {
  #current: { readonly end: LinkEnd<PeerFrame>; readonly hello: Hello } | null = null

  constructor(
    private readonly process: Process,
    private readonly listen: PeerListen,
  ) {}

  get life(): Process['life'] {
    return this.process.life
  }

  asked(hello: Hello): { refuse: Refuse } | { events: LinkEvents<PeerFrame>; joined: (end: LinkEnd<PeerFrame>) => void } | null {
    const current = this.#current
    if (current !== null && current.hello.host === hello.host && hello.linkId < current.hello.linkId) return null
    const answer = this.listen.onHello(hello)
    if ('refuse' in answer) return answer
    current?.end.end('superseded by a newer link')
    let link: PeerLink | null = null
    const { events } = this.listen
    return {
      events: {
        frame: (frame) => {
          if (link !== null) events.frame(frame, link, null)
        },
        down: (reason) => {
          if (this.#current?.hello === hello) this.#current = null
          if (link !== null) events.down(reason)
        },
      },
      joined: (end) => {
        this.#current = { end, hello }
        link = linkOf(end)
        end.send({ type: 'welcome', welcome: answer.welcome })
        events.up(link)
      },
    }
  }

  end(reason: string): void {
    this.#current?.end.close(reason)
  }
}

class Dialer {
  #end: LinkEnd<PeerFrame> | null = null
  #closed = false
  #attempt = 0
  #linkId: number

  constructor(
    private readonly process: Process,
    private readonly dial: PeerDial,
    private readonly knock: (told: Told) => void,
  ) {
    this.#linkId = dial.hello.linkId
  }

  /** Keeps at it until there is a link. */
  again(inMs: number): void {
    const attempt = ++this.#attempt
    const { schedule, dice } = this.process.nature
    schedule.after(
      inMs * (0.5 + dice.fraction()),
      () => {
        if (this.#closed || this.#end !== null || attempt !== this.#attempt) return
        this.again(AGAIN_MS.failed)
        this.#try(this.#attempt)
      },
      this.process.life,
    )
  }

  close(reason: string): void {
    this.#closed = true
    this.#end?.close(reason)
  }

  #try(attempt: number): void {
    const { events, hello, onRefused } = this.dial
    let link: PeerLink | null = null
    let end: LinkEnd<PeerFrame> | null = null
    this.knock({
      hello: { ...hello, linkId: this.#linkId },
      isWanted: () => !this.#closed && this.#end === null && attempt <= this.#attempt,
      events: {
        frame: (frame) => {
          if (end === null || this.#closed) return
          if (link === null) {
            link = linkOf(end)
            events.up(link)
          }
          if (!end.isOver) events.frame(frame, link, null)
        },
        down: (reason) => {
          if (this.#end === end) this.#end = null
          this.#linkId++
          if (link !== null) events.down(reason)
          this.again(AGAIN_MS.failed)
        },
      },
      joined: (joined) => {
        end = joined
        this.#end = joined
      },
      refused: (refuse) => {
        if (this.#closed || this.#end !== null) return
        this.again(AGAIN_MS.refused)
        onRefused(refuse)
      },
    })
  }
}
