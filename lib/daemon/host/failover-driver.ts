import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { FailoverEffect } from '../../core/failover/effects'
import { Failover, type FailoverEvent, type LostVm } from '../../core/failover/failover'
import { XapiFailure } from '../../ports/xapi'
import type { CoordinatorClaim } from './coordinator-claim'
import { actOnXapi, type XapiEffect } from './failover-acts'
import type { Fleet } from './fleet'
import type { HostParts } from './parts'

const ALERT_MS = 5000
const TAKE_OVER_MS = 12_000

export interface FailoverNeeds {
  readonly parts: HostParts
  readonly fleet: Fleet
  readonly election: CoordinatorClaim
}

/** Carries the failover machine's effects to XAPI, the workers and the witness, and the answers back. */
export class FailoverDriver {
  #machine: Failover | null = null
  readonly #suspects = new Map<HostUuid, Readonly<Record<string, number>>>()
  #looking = false

  constructor(private readonly needs: FailoverNeeds) {}

  /** Null until XAPI has shown who the coordinator is. */
  #ready(): Failover | null {
    const { parts } = this.needs
    const coordinator = parts.xapi.inventory()?.coordinator
    if (this.#machine === null && coordinator !== undefined) this.#machine = new Failover(parts.host, coordinator)
    return this.#machine
  }

  get idle(): boolean {
    return this.#machine?.idle ?? true
  }

  tick(): void {
    const machine = this.#ready()
    if (machine !== null) this.#apply({ type: 'tick' })
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
    const vms = await this.#lostWith(host)
    if (this.#suspects.has(host)) this.#apply({ type: 'host-suspected', host, evidence: { host, ...evidence }, vms })
  }

  back(host: HostUuid): void {
    this.#suspects.delete(host)
    this.#apply({ type: 'host-back', host })
  }

  /** VMs whose claim that host holds and whose other copy is here. */
  async #lostWith(host: HostUuid): Promise<LostVm[]> {
    const { parts, fleet } = this.needs
    const inventory = parts.xapi.inventory()
    const specs = fleet.specs().filter(({ vm }) => vm !== null)
    const lost = await Promise.all(
      specs.map(async ({ id }) => {
        const status = await fleet.status(id)
        if (status?.role !== 'secondary' || status.claim?.claim.holder !== host) return []
        const vm = id as VmUuid
        const known = inventory?.vms.find(({ uuid }) => uuid === vm)
        const order = known?.order ?? 0
        return [
          {
            ...{ vm, name: known?.name ?? vm, delaySeconds: known?.startDelaySeconds ?? 0 },
            rank: order < 0 ? Number.MAX_SAFE_INTEGER : order,
            wasRunning: status.guestActive || known?.residentOn === host,
          },
        ]
      }),
    )
    return lost.flat().sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
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
        void this.#alert(effect)
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
    const event = await actOnXapi(effect, this.needs.parts.xapi)
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
    try {
      const answer = await this.needs.fleet.ask(vm, 'take-over', { reason }, TAKE_OVER_MS)
      if (answer.taken) this.#apply({ type: 'claim-taken', vm, term: answer.term })
      else this.#apply({ type: 'claim-refused', vm, why: answer.why, leaseLeftMs: 0, mayHold: answer.mayHold === true })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#apply({ type: 'claim-refused', vm, why: 'worker-silent', leaseLeftMs: 0, mayHold: true })
    }
  }

  async #elect(instead: HostUuid): Promise<void> {
    const outcome = await this.needs.election.elect(instead)
    if (outcome === 'unanswered') this.#apply({ type: 'election-unanswered' })
    else if (outcome === this.needs.parts.host) this.#apply({ type: 'election-won' })
    else this.#apply({ type: 'election-lost', winner: outcome })
  }

  /** Nothing waits for it. */
  async #alert({ name, priority, vm, text }: Extract<FailoverEffect, { effect: 'alert' }>): Promise<void> {
    const { config, xapi, log } = this.needs.parts
    const about = vm === null ? (['Pool', config.pool] as const) : (['VM', vm] as const)
    try {
      await xapi.call('message.create', [name, priority, ...about, text], { deadlineMs: ALERT_MS })
    } catch (error) {
      if (!(error instanceof XapiFailure)) throw error
      log.warn('XAPI did not take the message', { name, error: error.message })
    }
  }
}
