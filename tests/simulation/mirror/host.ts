import type { ClaimAnswer, ClaimRequest } from '../../../lib/core/domain/claim-request'
import type { StoredClaim } from '../../../lib/core/domain/claim'
import type { HostUuid } from '../../../lib/core/domain/ids'
import { Life } from '../../world/schedule'
import type { Guest } from './guest'
import { Primary } from './primary'
import { Standby } from './standby'
import type { Store } from './store'
import { TakeOver } from './take-over'
import { type HostName, VM } from './names'
import type { World } from './world'

/** A host: power, a clock, the store, a process that serves, perhaps the guest. */
export class Host {
  powered = true
  boot = ''
  worker: Worker | null = null
  guest: Guest | null = null
  other!: Host
  /** Since when the other host was not heard. */
  silentSince: number | null = null
  #boots = 0
  #started = 0

  constructor(
    readonly world: World,
    readonly name: HostName,
    readonly uuid: HostUuid,
    readonly store: Store,
    private readonly clock: { readonly rate: number; readonly offsetMs: number },
  ) {}

  /** Monotonic, as this host's processes read it. */
  get nowMs(): number {
    return this.clock.offsetMs + this.world.schedule.now * this.clock.rate
  }

  powerOn(): void {
    this.powered = true
    this.boot = `${this.name}${++this.#boots}`
    this.silentSince = null
    this.#startWorker(20 + this.world.dice.fraction() * 100)
  }

  powerOff(): void {
    if (!this.powered) return
    this.powered = false
    this.worker?.die(true)
    this.worker = null
    this.guest?.die('its host lost power')
    const lost = this.store.powerLost(this.world.plan.losesTracking)
    this.world.judge.damage.damaged(this.name, 'power', lost)
  }

  kill(): void {
    const { worker } = this
    if (worker === null) return
    worker.die(false)
    this.worker = null
    this.store.disk.killed(worker.life)
    this.store.notes.crashed()
    this.world.judge.damage.killed(this.name)
    this.#startWorker(5 + this.world.dice.fraction() * 80)
  }

  /** Its worker begins anew: the VM is to be served here, or not any more. */
  reconsider(): void {
    this.worker?.reconsider()
  }

  #startWorker(delayMs: number): void {
    const boot = this.boot
    this.world.schedule.after(delayMs, () => {
      if (this.powered && this.boot === boot && this.worker === null) this.worker = new Worker(this, ++this.#started)
    })
  }
}

const TICK_MS = 40
/** A host that was not heard for so long is suspected. */
const SUSPECT_AFTER_MS = 500

/** The process that serves the VM's disk on a host, in one role or the other. */
export class Worker {
  readonly life = new Life()
  readonly incarnation: string
  readonly world: World
  role: Primary | Standby | null = null
  #takeOver: TakeOver | null = null
  #openings = 0
  #changing = true
  #again = false
  /** Questions to the witness that are not answered. */
  asking = 0

  constructor(
    readonly host: Host,
    number: number,
  ) {
    this.world = host.world
    this.incarnation = `${host.name}${host.boot}.${number}`
    this.world.witness.connect(host.name)
    this.say(() => 'starts')
    this.#decide()
    this.#tick()
  }

  nextOpening(): string {
    return `${this.incarnation}-${++this.#openings}`
  }

  /** For people. */
  get standing(): string {
    return this.primary?.standing ?? (this.role === null ? 'no role' : 'secondary')
  }

  get primary(): Primary | null {
    return this.role instanceof Primary ? this.role : null
  }

  askWitness(request: ClaimRequest, answer: (answer: ClaimAnswer | undefined) => void): void {
    this.asking++
    this.world.witness.ask(this.host.name, this.life, request, (result) => {
      this.asking--
      this.say(() => `witness: ${request.op} -> ${result === undefined ? 'no answer' : JSON.stringify(result)}`)
      answer(result)
    })
  }

  die(silently: boolean): void {
    this.say(() => 'dies')
    this.life.alive = false
    this.role?.died(silently)
  }

  /** Another host holds the claim: the guest must not run here. */
  spent(): void {
    this.world.probe('spent')
    this.host.guest?.die('its host lost the claim')
    this.reconsider()
  }

  reconsider(): void {
    if (this.#changing) {
      this.#again = true
      return
    }
    this.#changing = true
    this.#takeOver = null
    const { role } = this
    this.role = null
    if (role === null) this.#decide()
    else role.stop(() => this.world.schedule.to(this.life, () => this.#decide()))
  }

  say(text: () => string): void {
    this.world.say(() => `${this.host.name} ${text()}`)
  }

  #decide(): void {
    this.askWitness({ op: 'read', vm: VM }, (answer) => {
      if (answer?.op !== 'read' || answer.found === null) {
        this.world.schedule.after(60, () => this.#decide(), this.life)
        return
      }
      const isHolder = answer.found.claim.holder === this.host.uuid
      if (!isHolder) this.host.guest?.die('its host lost the claim')
      if (isHolder && this.world.vm.wantedOn === this.host.name) this.#become(answer.found, null)
      else {
        this.role = new Standby(this)
        this.role.start()
        this.#changed()
      }
    })
  }

  #become(stored: StoredClaim, leaseFromMs: number | null): void {
    this.say(() => `is primary, term ${stored.claim.term}`)
    const primary = new Primary(this, stored, leaseFromMs)
    this.role = primary
    primary.start()
    this.#changed()
  }

  #changed(): void {
    this.#changing = false
    if (!this.#again) return
    this.#again = false
    this.reconsider()
  }

  #tick(): void {
    this.world.schedule.after(TICK_MS, () => this.#tick(), this.life)
    this.role?.tick()
    const { host, world } = this
    if (host.other.powered && world.lanes.isUp) host.silentSince = null
    else host.silentSince ??= world.schedule.now
    if (!(this.role instanceof Standby) || !this.role.isOpen || this.#takeOver !== null || this.#changing) return
    const suspected = host.silentSince !== null && world.schedule.now - host.silentSince > SUSPECT_AFTER_MS
    const { wantedOn, movingTo } = world.vm
    if ((wantedOn === host.other.name && suspected) || movingTo === host.name) this.#takeOverFrom(this.role)
  }

  #takeOverFrom(standby: Standby): void {
    this.world.probe('takeover: tried')
    const attempt = { over: false }
    const takeOver = new TakeOver(this, standby, {
      taken: (stored, leaseFromMs) => {
        if (this.role !== standby || this.#changing) return
        this.#changing = true
        this.role = null
        standby.stop(() => this.world.schedule.to(this.life, () => this.#become(stored, leaseFromMs)))
      },
      given: (why) => {
        attempt.over = true
        this.say(() => `no takeover: ${why}`)
        this.#takeOver = null
        // A swap whose answer was lost may have been done.
        if (why === 'gave-up') this.reconsider()
      },
    })
    if (!attempt.over) this.#takeOver = takeOver
  }
}
