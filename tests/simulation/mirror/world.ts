import type { Claim } from '../../../lib/core/domain/claim'
import { LinkEnd, type LinkEvents, Lanes } from '../../world/link'
import { Dice } from '../../world/prng'
import { Schedule } from '../../world/schedule'
import type { Guest } from './guest'
import { Host, type Worker } from './host'
import { Judge } from './judge'
import type { Moment } from './moments'
import { type HostName, HOSTS, otherHost, UUIDS, VM, VOLUME } from './names'
import type { Hello, PeerMessage } from './peer-message'
import { drawPlan, type Fault, type Plan } from './plan'
import type { Primary } from './primary'
import { Standby } from './standby'
import { Store } from './store'
import { Toolstack } from './toolstack'
import { WitnessProcess } from './witness-process'

export interface Join {
  /** False once the answer is not waited for any more. */
  readonly isWanted: () => boolean
  readonly events: LinkEvents<PeerMessage>
  readonly joined: (end: LinkEnd<PeerMessage>) => void
}

/** A pair of hosts, a witness, a VM: all that one seed draws. No processes, no time; production core throughout. */
export class World {
  readonly dice: Dice
  readonly plan: Plan
  readonly schedule = new Schedule()
  readonly judge: Judge
  readonly lanes: Lanes
  readonly witness: WitnessProcess
  readonly hosts: Readonly<Record<HostName, Host>>
  readonly vm: Toolstack
  /** Whether workers are told that a claim counts. */
  tracked: boolean
  /** Payloads that the guest made. */
  readonly guestBuffers = new WeakSet<Buffer>()
  /** The guest asks for nothing new. */
  resting = false
  ended = false
  requests = 0
  /** Something has come to a point at which a fault would hurt. */
  onMoment: (moment: Moment, host: HostName) => void = () => undefined
  /** What guests that are gone had asked for: whoever serves may still be at it. */
  readonly leftUnanswered: { readonly by: Primary; readonly ranges: readonly { first: number; count: number }[] }[] = []
  /** Cells where a guest was last. */
  readonly recent: number[] = []
  #generations = 0

  constructor(
    readonly seed: number,
    private readonly listens: { readonly probe: (name: string) => void; readonly say: ((line: string) => void) | null },
    trouble: readonly Fault[] | null = null,
  ) {
    const dice = new Dice(seed)
    this.dice = dice
    this.plan = drawPlan(dice, new Dice(~seed), trouble)
    this.judge = new Judge(this)
    this.lanes = new Lanes(this.plan.lanesMs, dice, this.schedule)
    const rate = (): number => 1 + (dice.fraction() - 0.5) / 110
    const onStored = (claim: Claim): void => {
      this.say(() => `claim: ${claim.holder === UUIDS.a ? 'a' : 'b'} term ${claim.term} of ${this.#names(claim)}`)
      this.judge.stored(claim)
    }
    this.witness = new WitnessProcess(this.schedule, dice, this.plan.witnessMs, rate(), onStored)
    const host = (name: HostName): Host =>
      new Host(this, name, UUIDS[name], new Store(name, this.plan, dice, this.schedule), {
        rate: rate(),
        offsetMs: dice.below(1e6),
      })
    this.hosts = { a: host('a'), b: host('b') }
    for (const name of HOSTS) {
      this.hosts[name].other = this.hosts[otherHost(name)]
      this.hosts[name].store.disk.onLost = (heard) => this.judge.damage.flushLost(name, heard)
    }
    this.tracked = this.plan.startsInStep || this.plan.startsTracked
    this.vm = new Toolstack(this)
  }

  start(): void {
    const { a, b } = this.hosts
    a.store.make()
    if (this.plan.startsInStep) {
      b.store.make()
      const generations = { current: this.newGeneration(), bitmap: '', former: '', history: [] }
      for (const { store } of [a, b])
        if (store.notes.noted !== null) store.notes.noted = { ...store.notes.noted, state: 'up-to-date', generations }
    } else {
      if (a.store.notes.noted !== null) a.store.notes.noted = { ...a.store.notes.noted, state: 'up-to-date' }
      this.judge.copies.mayCopyAll('b')
    }
    const upToDate = { [VOLUME]: this.plan.startsInStep ? [UUIDS.a, UUIDS.b] : [UUIDS.a] }
    this.witness.force({ vm: VM, term: 1, holder: UUIDS.a, leaseMs: this.plan.leaseMs, upToDate, lockstep: null })
    this.witness.start()
    for (const name of HOSTS) this.hosts[name].powerOn()
    this.vm.look()
    if (!this.tracked) this.schedule.after(this.dice.fraction() * 400, () => this.track())
  }

  track(): void {
    if (this.tracked) return
    this.probe('protected again')
    this.tracked = true
    for (const name of HOSTS) this.hosts[name].worker?.primary?.track(true)
  }

  get guest(): Guest | null {
    return this.hosts.a.guest ?? this.hosts.b.guest
  }

  get guestLives(): boolean {
    return this.guest !== null
  }

  newGeneration(): string {
    return (++this.#generations).toString(16).padStart(16, '0')
  }

  probe(name: string): void {
    this.listens.probe(name)
    this.say(() => `(${name})`)
  }

  say(text: () => string): void {
    if (this.listens.say !== null) this.listens.say(`${this.schedule.now.toFixed(2).padStart(9)} ${text()}`)
  }

  /** Takes a primary's hello to the other host, and an accepted link's ends to both. */
  hello(from: Worker, hello: Hello, join: Join): void {
    const up = this.lanes.lanes.filter((lane) => lane.up)
    if (up.length === 0) return
    const isFirst = from.host.name === 'a'
    this.lanes.carry(this.dice.of(up), isFirst ? 0 : 1, () => {
      const to = from.host.other.worker
      if (to === null) return
      this.schedule.to(to.life, () => {
        if (!this.lanes.isUp || !from.life.alive || !join.isWanted() || !(to.role instanceof Standby)) return
        const greeted = to.role.greets(hello)
        if (greeted === null) {
          if (to.role.rules.sealed) this.schedule.after(1, () => from.primary?.patience.sealed(), from.life)
          return
        }
        const mine: [Worker['life'], LinkEvents<PeerMessage>] = [from.life, join.events]
        const theirs: [Worker['life'], LinkEvents<PeerMessage>] = [to.life, greeted.events]
        const [one, two] = isFirst ? LinkEnd.pair(this.lanes, mine, theirs) : LinkEnd.pair(this.lanes, theirs, mine)
        join.joined(isFirst ? one : two)
        greeted.linked(isFirst ? two : one)
      })
    })
  }

  #names({ upToDate }: Claim): string {
    return HOSTS.filter((name) => upToDate[VOLUME]?.includes(UUIDS[name])).join('')
  }
}
