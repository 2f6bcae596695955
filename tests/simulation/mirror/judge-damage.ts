import type { JudgedWorld } from './judged-world'
import { type HostName, HOSTS, otherHost } from './names'

export interface DamageNeeds {
  readonly listed: () => readonly HostName[]
  readonly guestHost: () => HostName | ''
  /** What was not flushed may be lost. */
  readonly excuses: () => void
}

/** Trouble that is over for so long has left nothing behind. */
const CALM_MS = 1500

/** What happened to the replicas, and when it was too much at once to keep what was not flushed. */
export class DamageJudge {
  readonly #impaired: Record<HostName, 'no' | 'perhaps' | 'failed' | 'power' | 'device'> = { a: 'no', b: 'no' }
  /** Lost something since its last resync began. */
  readonly #hurtInResync = new Set<HostName>()
  /** Those that the product says are as good as each other. */
  readonly #members = new Set<HostName>()
  /** Of each host: until when there was trouble other than that its power was lost. */
  readonly #otherUntil: Record<HostName, number> = { a: -Infinity, b: -Infinity }
  /** The guest's machine, and since when. */
  #lostPower: { readonly host: HostName; readonly at: number } | null = null
  /** Whose device lost what it had answered, where nobody else had it; the guest was told of no error since. */
  #owes: HostName | null = null

  constructor(
    private readonly world: JudgedWorld,
    private readonly needs: DamageNeeds,
  ) {}

  owesError(): boolean {
    return this.#owes !== null
  }

  /** The guest was told, or is gone. */
  owesNothing(): void {
    this.#owes = null
  }

  /** Another one was about to be listed, and had it: where the one that lost it no longer counts, nothing is lost. */
  listedNow(hosts: readonly HostName[]): void {
    if (this.#owes !== null && !hosts.includes(this.#owes)) this.#owes = null
    this.perhapsExcused()
  }

  get lostPower(): boolean {
    return this.#lostPower !== null
  }

  /** Anything goes wrong until then. `powerOf`: it is this host's power that is lost. */
  troubled(untilMs: number, powerOf: HostName | null): void {
    for (const host of HOSTS) if (host !== powerOf) this.#otherUntil[host] = Math.max(this.#otherUntil[host], untilMs)
  }

  /** `lost`: something that had been answered is not there any more. */
  damaged(host: HostName, by: 'power' | 'device', lost: boolean): void {
    if (by === 'power' && this.needs.guestHost() === host) this.#lostPower = { host, at: this.world.schedule.now }
    if (!lost) {
      this.impaired(host, true)
      return
    }
    this.#impaired[host] = by
    this.#hurtInResync.add(host)
    const listed = this.needs.listed()
    // The claim may still be about to list one that is back already.
    const alone = listed.length === 1 && listed[0] === host && !this.#members.has(otherHost(host))
    if (by === 'device' && alone && this.needs.guestHost() === host && this.world.guestLives) this.#owes = host
    this.perhapsExcused()
  }

  /** A flush failed, and something that had been answered is not there any more. */
  flushLost(host: HostName, heard: boolean): void {
    this.damaged(host, 'device', true)
    if (!heard) this.killed(host)
  }

  /** Its disk does not answer, or answers errors. `certainly`: the replica has failed of it. */
  impaired(host: HostName, certainly: boolean): void {
    if (this.#impaired[host] === 'no' || this.#impaired[host] === 'perhaps')
      this.#impaired[host] = certainly ? 'failed' : 'perhaps'
    this.perhapsExcused()
  }

  recovered(host: HostName): void {
    if (this.#impaired[host] === 'perhaps') this.#impaired[host] = 'no'
  }

  /** Nobody but this process knew that its device had lost something. */
  killed(host: HostName): void {
    this.#owes = null
    if (this.#impaired[host] === 'device' && this.needs.listed().includes(host)) this.needs.excuses()
  }

  resyncBegins(host: HostName): void {
    this.#hurtInResync.delete(host)
  }

  /** The product says that it goes on without this replica. */
  isOut(host: HostName): void {
    this.#members.delete(host)
  }

  /** The product says that this replica is as good as the other one. */
  isBack(host: HostName, rule: string): void {
    if (rule === 'opened') this.#members.clear()
    this.#members.add(host)
    // It is not known yet that it was lost since.
    if (rule === 'resync-complete' && this.#hurtInResync.has(host)) return
    // What the guest's machine had cached is gone. Wherever else the disk is served from, nothing is.
    const serves = rule === 'opened' || rule === 'only-copy'
    if (this.#lostPower?.host === host && serves && !this.#otherIsWell(host, this.#lostPower.at)) this.needs.excuses()
    // It takes over, and had a fault of its own: the guest starts as after a loss of power.
    if (this.needs.guestHost() !== host && serves && this.#hasLost(host)) this.needs.excuses()
    this.#lostPower = null
    this.#impaired[host] = 'no'
  }

  /** Two faults at once: whoever has lost something had nobody to fall back on. */
  perhapsExcused(): void {
    const listed = this.needs.listed()
    const impaired = listed.every((host) => this.#impaired[host] !== 'no')
    if (!impaired || !listed.some((host) => this.#hasLost(host))) return
    this.world.say(() => 'two faults at once: what was not flushed may be lost')
    this.needs.excuses()
  }

  /** Nothing but the power of this host was lost: the other one has everything, and is within reach. */
  #otherIsWell(host: HostName, lostAt: number): boolean {
    const other = otherHost(host)
    return this.needs.listed().includes(other) && this.#impaired[other] === 'no' && this.#otherUntil[host] + CALM_MS < lostAt
  }

  #hasLost(host: HostName): boolean {
    return this.#impaired[host] === 'power' || this.#impaired[host] === 'device'
  }
}
