import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { FailoverEffect } from '../../../core/failover/effects'
import { Failover, type FailoverEvent, type RanVm } from '../../../core/failover/failover'
import type { HolderFenced } from '../../../wire/worker-api'
import type { CoordinatorClaim } from '../coordinator-claim'
import { alert } from '../alert'
import { actOnXapi, type XapiEffect } from './failover-acts'
import type { Fencing } from '../fencing/fencing'
import type { Fleet } from '../fleet'
import type { HostParts } from '../parts'
import { ranked, silentHost } from '../fencing/silent-host'
import { leavesToPreferred } from './preferred-first'

const TAKE_OVER_MS = 12_000

export interface FailoverNeeds {
  readonly parts: HostParts
  readonly fleet: Fleet
  readonly election: CoordinatorClaim
  readonly fencing: Pick<Fencing, 'looked' | 'seen' | 'fenced' | 'of'>
  /** Whether its guest used its disks when that was last known. */
  readonly ran: (vm: VmUuid) => boolean
}

/** Carries the failover machine's effects to XAPI, the workers and the witness, and the answers back. */
export class FailoverDriver {
  #machine: Failover | null = null
  /** The coordinator that this host's xapi followed last. */
  #shown: HostUuid | null = null
  readonly #suspects = new Map<HostUuid, Readonly<Record<string, number>>>()
  /** Hosts that were there since this daemon was started. */
  readonly #heard = new Set<HostUuid>()
  #looking = false
  /** By VM: the host whose loss made this one ask for its claim. */
  readonly #lostFrom = new Map<VmUuid, HostUuid>()
  /** VMs whose workers have been asked, and have not answered. */
  readonly #taking = new Set<VmUuid>()

  constructor(private readonly needs: FailoverNeeds) {}

  /** Null until it is known who the coordinator is; a XAPI that was started without one does not tell. */
  #ready(): Failover | null {
    const { parts } = this.needs
    if (this.#machine !== null) return this.#machine
    const coordinator = followed(parts)
    if (coordinator !== null) this.#machine = new Failover(parts.host, coordinator)
    return this.#machine
  }

  get idle(): boolean {
    return this.#machine?.idle ?? true
  }

  tick(): void {
    if (this.#ready() === null) return
    this.#look()
    this.#apply({ type: 'tick' })
  }

  /** A host that comes back begins with what it had written down, which may be itself, before its XAPI has found its successor. */
  #look(): void {
    const shown = followed(this.needs.parts)
    if (shown === null || shown === this.#shown) return
    this.#shown = shown
    this.#apply({ type: 'coordinator-shown', host: shown })
  }

  async suspected(host: HostUuid, evidence: Readonly<Record<string, number>>): Promise<void> {
    this.#suspects.set(host, evidence)
    await this.#suspect(host, evidence)
  }

  /**
   * Called once a second: what a suspected host has lost may not have been known at once. After a boot of this host its workers,
   * and XAPI, come later than the silence of the others.
   */
  async lookAgain(): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    for (const [host, evidence] of this.#suspects) await this.#suspect(host, evidence)
    this.#looking = false
  }

  async #suspect(host: HostUuid, evidence: Readonly<Record<string, number>>): Promise<void> {
    const { parts, fleet, fencing, ran } = this.needs
    const silent = await silentHost(host, parts, fleet, ran)
    if (!this.#suspects.has(host)) return
    this.#look()
    fencing.looked(host, silent)
    const vms = silent.lost.flatMap(({ status, ...lost }) =>
      leavesToPreferred(host, this.#heard.has(host), status, parts) ? [] : [lost],
    )
    for (const { vm } of vms) this.#lostFrom.set(vm, host)
    this.#apply({ type: 'host-suspected', host, evidence: { host, ...evidence }, vms })
    // While it stands it is told again, and what stands no longer is taken back.
    if (fencing.of(host)?.proof != null) this.fenced(host)
  }

  back(host: HostUuid): void {
    this.#heard.add(host)
    this.#suspects.delete(host)
    this.needs.fencing.seen(host)
    this.#apply({ type: 'host-back', host })
  }

  /** It is proven that the host is off: nobody waits for its leases any more. */
  fenced(host: HostUuid): void {
    const by = this.needs.fencing.of(host)?.proof?.by
    if (by === undefined) return
    this.#apply({ type: 'host-fenced', host, evidence: { by } })
    for (const vm of this.#taking) if (this.#lostFrom.get(vm) === host) void this.#tellOfFence(vm, host)
  }

  /** The answer comes to whoever asked first. */
  async #tellOfFence(vm: VmUuid, host: HostUuid): Promise<void> {
    try {
      await this.needs.fleet.ask(vm, 'take-over', this.#wish('host-fenced', host), TAKE_OVER_MS)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
    }
  }

  #wish(reason: string, host: HostUuid | undefined): { reason: string; fenced?: HolderFenced } {
    const fenced = host === undefined ? undefined : this.needs.fencing.fenced(host)
    return fenced === undefined ? { reason } : { reason, fenced }
  }

  /** VMs that ran here and do no longer, although this host still holds their claim. */
  ranHere(vms: readonly Pick<RanVm, 'vm' | 'term' | 'why'>[]): void {
    const inOrder = vms.map((ran) => ({ ...ranked(ran.vm, this.needs.parts), ...ran })).sort((a, b) => a.rank - b.rank)
    if (inOrder.length > 0) this.#apply({ type: 'ran-here', vms: inOrder })
  }

  isUnderWay(vm: VmUuid): boolean {
    return (this.#machine?.phaseOf(vm) ?? 'ended') !== 'ended'
  }

  #apply(event: FailoverEvent): void {
    const machine = this.#ready()
    if (machine === null) return
    for (const effect of machine.apply(event, this.needs.parts.clock.nowMs())) this.#run(effect)
  }

  #run(effect: FailoverEffect): void {
    switch (effect.effect) {
      case 'take-over':
        void this.#takeOver(effect.vm, effect.reason)
        break
      case 'elect-coordinator':
        void this.#elect(effect.instead)
        break
      case 'record':
        this.needs.parts.timeline.record(effect.entry)
        break
      case 'alert':
        void alert(this.needs.parts, effect)
        break
      case 'look':
      case 'reset-power-state':
      case 'start-on':
      case 'set-affinity':
      case 'ask-coordinator':
      case 'promote-coordinator':
      case 'recover-slaves':
        if (effect.effect === 'start-on') this.#note(effect.vm)
        void this.#act(effect)
    }
  }

  async #act(effect: XapiEffect): Promise<void> {
    const servedHere = async (vm: VmUuid): Promise<boolean | null> => (await this.needs.fleet.status(vm))?.guestActive ?? null
    const event = await actOnXapi(effect, this.needs.parts.xapi, servedHere)
    if (event !== null) this.#apply(event)
  }

  #note(vm: VmUuid): void {
    const { host, timeline } = this.needs.parts
    timeline.record({
      vm,
      act: 'start-called',
      rule: 'claim-is-held',
      text: 'VM.start_on is called on this host.',
      evidence: { host },
    })
  }

  async #takeOver(vm: VmUuid, reason: string): Promise<void> {
    this.#taking.add(vm)
    try {
      const answer = await this.needs.fleet.ask(vm, 'take-over', this.#wish(reason, this.#lostFrom.get(vm)), TAKE_OVER_MS)
      if (answer.taken) {
        const { term, rule = '', goesOn = false } = answer
        this.#apply({ type: 'claim-taken', vm, term, rule, goesOn })
      } else this.#apply({ type: 'claim-refused', vm, why: answer.why, leaseLeftMs: 0, mayHold: answer.mayHold === true })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#apply({ type: 'claim-refused', vm, why: 'worker-silent', leaseLeftMs: 0, mayHold: true })
    } finally {
      this.#taking.delete(vm)
    }
  }

  async #elect(instead: HostUuid): Promise<void> {
    const outcome = await this.needs.election.elect(instead)
    if (outcome === 'unanswered') this.#apply({ type: 'election-unanswered' })
    else if (outcome === this.needs.parts.host) this.#apply({ type: 'election-won' })
    else this.#apply({ type: 'election-lost', winner: outcome })
  }
}

/** Written first: a coordinator that died before it was asked has shown itself to nobody, while xapi had already written down that it follows it. */
const followed = ({ xapi, writtenCoordinator }: HostParts): HostUuid | null =>
  writtenCoordinator() ?? xapi.inventory()?.coordinator ?? null
