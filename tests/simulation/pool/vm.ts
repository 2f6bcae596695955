import type { Claim } from '../../../lib/core/domain/claim'
import type { VmUuid, VolumeKey } from '../../../lib/core/domain/ids'
import { Broken } from '../mirror/broken'
import { Judge } from '../mirror/judge'
import type { JudgedWorld } from '../mirror/judged-world'
import { type HostName, UUIDS, VOLUME } from '../mirror/names'
import type { Guest } from './guest'
import type { Machine } from './machine'
import { type MachineName, nameOf, vmOf, volumeOf } from './names'
import type { Plan } from './plan'
import { Typist } from './typist'
import type { Nature } from './process'
import type { PoolWorld } from './world'

const NO_CLAIM = { term: 0, leaseMs: 0, lockstep: null } as const

/** A VM with one disk, as those outside see it: its guests one after the other, what they were told, what they sent. */
export class Vm {
  readonly uuid: VmUuid
  readonly volume: VolumeKey
  readonly judge: Judge
  readonly typist: Typist
  readonly plan: Plan
  readonly nature: Nature
  /** Cells where a guest was last. */
  readonly recent: number[] = []
  /** Its guests ask for nothing new. */
  isResting = false
  /** Of the claim that was stored last; 0 without a claim. */
  term = 1
  /** Whoever held the claim last has the bytes. */
  holder: MachineName
  #guests = 0
  #newest: Guest | null = null
  #outputs = 0
  #listedTwoAt = -Infinity

  constructor(
    private readonly world: PoolWorld,
    readonly index: number,
    /** The two that keep the disk. */
    readonly homes: readonly [MachineName, MachineName],
  ) {
    this.uuid = vmOf(index)
    this.volume = volumeOf(index)
    this.plan = world.plan
    this.nature = world
    this.judge = new Judge(this.#judged())
    this.typist = new Typist(world, this)
    this.holder = homes[0]
  }

  /** The newest one that lives. */
  get guest(): Guest | null {
    return this.#newest?.life.alive === true ? this.#newest : null
  }

  nextGuest(): number {
    return ++this.#guests
  }

  starts(guest: Guest): void {
    this.#newest = guest
    this.judge.guestStarts(guest.number, this.side(guest.machine.name))
    this.world.onMoment('started', this)
  }

  /** Its machine's clock lies: nobody can keep it from reading what was there before. */
  mayReadStale({ number }: Guest): boolean {
    return this.plan.clocksLie && number < this.#guests
  }

  answered({ number }: Guest): void {
    this.judge.answers(number)
  }

  /** Whatever a guest sends, those outside see. */
  output(guest: Guest): void {
    if (guest.number >= this.#outputs) {
      this.#outputs = guest.number
      return
    }
    if (this.plan.clocksLie) this.probe('output of an older guest whose clock lies')
    else if (guest.machine.wasUnguarded(this.uuid)) this.probe('output of an older guest that nobody guarded')
    else throw new Broken('two outputs', `${guest.text} is seen after guest ${this.#outputs}`)
  }

  /** When its claim listed both last. */
  get listsTwoUntilMs(): number {
    return this.judge.listed.length > 1 ? this.world.schedule.now : this.#listedTwoAt
  }

  stored({ upToDate, ...claim }: Claim): void {
    this.#listedTwoAt = this.listsTwoUntilMs
    this.holder = nameOf(claim.holder)
    const hosts = (upToDate[this.volume] ?? []).map((host) => UUIDS[this.side(nameOf(host))])
    this.judge.stored({ ...claim, upToDate: { [VOLUME]: hosts } })
  }

  /** Whoever held the claim can do nothing with it any more, as its worker itself would say. */
  takenInTime({ holder, term }: Claim): void {
    if (this.plan.clocksLie) return
    const former = this.world.machine(this.holder)
    if (this.term === 0 || former.uuid === holder) return
    const domain = [...former.domains.values()].find(({ vm }) => vm === this)
    const guest = domain?.guest
    if (guest?.isPaused === false && domain !== undefined && former.wasLetGoLate(domain))
      this.probe('a guest let go after its lease')
    else if (guest?.isPaused === false && !former.wasUnguarded(this.uuid))
      throw new Broken('taken in time', `${guest.text} still runs when the claim is taken with term ${term}`)
    const worker = former.worker(this.uuid)
    if (worker === null || worker.process.life.stalledUntil > this.world.schedule.now) return
    const { role, frozen, guestActive } = worker.status
    if (role === 'primary' && guestActive && !frozen)
      throw new Broken('taken in time', `${former.name} may still answer its guest when the claim is taken with term ${term}`)
  }

  /** Its claim is forgotten: one replica is all there is. */
  removed(): void {
    this.#listedTwoAt = this.listsTwoUntilMs
    this.term = 0
    const holder = this.side(this.holder)
    this.judge.stored({ ...NO_CLAIM, vm: this.uuid, holder: UUIDS[holder], upToDate: { [VOLUME]: [UUIDS[holder]] } })
    this.judge.copies.mayCopyAll(this.side(this.otherHome(this.holder)))
  }

  /** As its judge, who knows of two hosts only, calls it. */
  side(name: MachineName): HostName {
    return this.homes[0] === name ? 'a' : 'b'
  }

  otherHome(name: MachineName): MachineName {
    return this.homes[0] === name ? this.homes[1] : this.homes[0]
  }

  machine(side: HostName): Machine {
    return this.world.machine(this.homes[side === 'a' ? 0 : 1])
  }

  probe(name: string): void {
    this.world.probe(name)
  }

  say(text: () => string): void {
    this.world.say(text)
  }

  #judged(): JudgedWorld {
    const { world } = this
    const self = (): Vm => this
    const host = (side: HostName): JudgedWorld['hosts'][HostName] => ({
      get store() {
        return self().machine(side).store(self().volume)
      },
      guest: null,
    })
    return {
      ...{ plan: world.plan, schedule: world.schedule, guestBuffers: new WeakSet(), leftUnanswered: [] },
      hosts: { a: host('a'), b: host('b') },
      get judge() {
        return self().judge
      },
      get guestLives() {
        return self().guest !== null
      },
      onMoment: () => undefined,
      probe: (name) => this.probe(name),
      say: (text) => this.say(text),
    }
  }
}
