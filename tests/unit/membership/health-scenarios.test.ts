import { join } from 'node:path'
import { linkBit } from '../../../lib/core/domain/heartbeat'
import { hostUuid } from '../../../lib/core/domain/ids'
import { type HeartbeatEffect, type HeartbeatEvent, HeartbeatWatch } from '../../../lib/core/membership/heartbeat'
import { HostHealth, type HostHealthEvent } from '../../../lib/core/membership/host-health'
import { stories } from '../stories'

const [ME, PEER] = [1, 2].map((nth) => hostUuid(`aaaaaaaa-0000-4000-8000-00000000000${nth}`)) as [
  ReturnType<typeof hostUuid>,
  ReturnType<typeof hostUuid>,
]
const LINKS = ['management', 'alink0']

/**
 * The two machines of a daemon side by side, with one peer. Commands:
 *
 *     beats 20                                as many intervals in which the peer sends, and both sides hear
 *     beats 20 without alink0                 ... but nothing arrives on that link
 *     beats 20 without-every-third alink0
 *     beats 20 hears management               ... and the peer says that it hears us there alone
 *     beats 20 lag 300                        ... and that its timers are so late
 *     silent 700                              milliseconds in which nothing arrives; the peer stands still, clock and all
 *     silent 700 cut-off | daemon-stopped     ... it goes on; only its clock goes on
 *     restarted                               the peer begins to count anew
 *     said witness yes | no                   somebody else hears the peer, or does not
 *     leases-over
 */
class Pool {
  readonly watch = new HeartbeatWatch()
  readonly health = new HostHealth(ME)
  nowMs = 0
  incarnation = 1
  counter = 0
  clockMs = 0
  lines: string[] = []

  constructor() {
    this.both(
      { type: 'peers', peers: [{ host: PEER, links: LINKS }], atMs: 0 },
      { on: 'peers', peers: [{ host: PEER, links: LINKS }], atMs: 0 },
    )
  }

  answer(command: string): readonly string[] {
    this.lines = []
    const [verb = '', what = '', ...more] = command.split(' ')
    if (verb === 'beats') this.beats(Number(what), more)
    else if (verb === 'silent') this.silent(Number(what), more[0] ?? '')
    else if (verb === 'restarted') Object.assign(this, { incarnation: this.incarnation + 1, counter: 0 })
    else if (verb === 'said') this.tell({ on: 'said', peer: PEER, by: what, heard: more[0] === 'yes', atMs: this.nowMs })
    else if (verb === 'leases-over') this.tell({ on: 'leases-over', peer: PEER, atMs: this.nowMs })
    else throw new Error(`no such command: ${command}`)
    return this.lines.length === 0 ? ['nothing'] : this.lines
  }

  private beats(count: number, [how = '', which = '']: readonly string[]): void {
    for (let nth = 0; nth < count; nth += 1) {
      this.pass(true, true)
      const links = how === 'hears' ? linkBit(which) : LINKS.reduce((bits, link) => bits + linkBit(link), 0)
      const hears = [{ host: ME, counter: 1, ageMs: 0, links }]
      const sender = { clockMs: this.clockMs, worstLagMs: how === 'lag' ? Number(which) : 0, hears }
      const { incarnation, counter, nowMs: atMs } = this
      for (const link of LINKS) {
        if (link === which && (how === 'without' || (how === 'without-every-third' && nth % 3 === 0))) continue
        const arrival = { peer: PEER, link, incarnation, counter, atMs }
        const role = { coordinator: false, xapiUp: true }
        this.both({ type: 'received', ...arrival, role }, { on: 'received', ...arrival, sender })
      }
      this.tick()
    }
  }

  private silent(ms: number, how: string): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.pass(how === 'cut-off', how !== '')
      this.tick()
    }
  }

  private pass(sends: boolean, lives: boolean): void {
    this.nowMs += 100
    if (sends) this.counter += 1
    if (lives) this.clockMs += 100
  }

  private tick(): void {
    this.both({ type: 'tick', atMs: this.nowMs }, { on: 'tick', atMs: this.nowMs })
  }

  /** What the health is told first, and then what the watch makes of the same: so it sees a host return. */
  private both(heard: HeartbeatEvent, same: HostHealthEvent): void {
    this.tell(same)
    for (const effect of this.watch.apply(heard)) {
      this.say(`watch: ${effect.type}${detail(effect)}`)
      if (effect.type === 'peer-alive' || effect.type === 'peer-suspected')
        this.tell({ on: effect.type, peer: PEER, atMs: this.nowMs })
    }
  }

  private tell(event: HostHealthEvent): void {
    for (const { before, verdict, findings } of this.health.apply(event)) {
      const why = findings.map(({ kind, ...facts }) =>
        [kind, ...Object.entries(facts).map(([name, fact]) => `${name}=${String(fact)}`)].join(' '),
      )
      this.say(`health: ${before} -> ${verdict}${why.length === 0 ? '' : `: ${why.join('; ')}`}`)
    }
  }

  private say(text: string): void {
    this.lines.push(`${this.nowMs} ${text}`)
  }
}

const detail = (effect: HeartbeatEffect): string =>
  'link' in effect ? ` ${effect.link}` : 'rule' in effect ? ` ${effect.rule}` : ''

stories(join(__dirname, '..', '..', 'scenarios', 'membership'), () => {
  const pool = new Pool()
  return (command) => pool.answer(command)
})
