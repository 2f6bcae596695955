import { must } from '../../core/domain/assert'
import type { HostUuid, VmUuid } from '../../core/domain/ids'
import type { FailoverEffect, Seen, XapiStep } from '../../core/failover/effects'
import { Failover, type FailoverEvent, type LostVm } from '../../core/failover/failover'
import { Refusal } from '../../core/domain/errors'
import type { XapiArgument, XapiValue } from '../../ports/xapi'
import { XapiFailure } from '../../ports/xapi'
import type { CoordinatorClaim } from './coordinator-claim'
import type { Fleet } from './fleet'
import type { HostParts } from './parts'

/** What must be fast is given up soon and looked at again; a start waits for a guest's disks and domain. */
const LOOK_MS = 3000
const RESET_MS = 15_000
const START_MS = 60_000
const PROMOTE_MS = 5000
const RECOVER_MS = 60_000
const WHO_MS = 1500
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
    const vms = await this.#lostWith(host)
    this.#apply({ type: 'host-suspected', host, evidence: { host, ...evidence }, vms })
  }

  back(host: HostUuid): void {
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
      case 'look':
        void this.#look(effect.vm)
        break
      case 'reset-power-state':
        void this.#step(effect.vm, effect.effect, 'VM.power_state_reset', [vmArg(effect.vm)], RESET_MS)
        break
      case 'start-on':
        void this.#step(effect.vm, effect.effect, 'VM.start_on', [vmArg(effect.vm), hostArg(effect.host), false, false], START_MS)
        break
      case 'set-affinity':
        void this.#step(effect.vm, effect.effect, 'VM.set_affinity', [vmArg(effect.vm), hostArg(effect.host)], LOOK_MS)
        break
      case 'ask-coordinator':
        void this.#askCoordinator()
        break
      case 'elect-coordinator':
        void this.#elect(effect.instead)
        break
      case 'promote-coordinator':
        void this.#promote()
        break
      case 'recover-slaves':
        void this.#beside('pool.recover_slaves', [], RECOVER_MS)
        break
      case 'record':
        this.needs.parts.timeline.record(effect.entry)
        break
      case 'alert':
        void this.#alert(effect)
        break
    }
  }

  async #takeOver(vm: VmUuid, reason: string): Promise<void> {
    try {
      const answer = await this.needs.fleet.ask(vm, 'take-over', { reason }, TAKE_OVER_MS)
      if (answer.taken) this.#apply({ type: 'claim-taken', vm, term: answer.term })
      else this.#apply({ type: 'claim-refused', vm, why: answer.why, leaseLeftMs: 0 })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#apply({ type: 'claim-refused', vm, why: 'worker-silent', leaseLeftMs: 0 })
    }
  }

  async #look(vm: VmUuid): Promise<void> {
    const answer = await this.#ask('VM.get_record', [vmArg(vm)], LOOK_MS)
    if (answer instanceof XapiFailure) this.#failed(vm, 'look', answer)
    else this.#apply({ type: 'looked', vm, seen: await this.#seen(answer) })
  }

  async #seen(value: XapiValue): Promise<Seen> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
    const record = value as Readonly<Record<string, XapiValue>>
    const on = record['resident_on']
    const operations = record['current_operations']
    const resident = typeof on === 'string' && on !== 'OpaqueRef:NULL' ? await this.#ask('host.get_uuid', [on], LOOK_MS) : null
    return {
      powerState: record['power_state'] as NonNullable<Seen>['powerState'],
      residentOn: typeof resident === 'string' ? (resident as HostUuid) : null,
      operations: typeof operations === 'object' && operations !== null ? Object.values(operations).map(String) : [],
    }
  }

  async #step(vm: VmUuid, step: XapiStep, method: string, args: readonly XapiArgument[], deadlineMs: number): Promise<void> {
    if (step === 'start-on') this.#note(vm, 'start-called', 'claim-is-held', 'VM.start_on is called on this host.')
    const answer = await this.#ask(method, args, deadlineMs)
    if (answer instanceof XapiFailure) this.#failed(vm, step, answer)
    else this.#apply({ type: 'xapi-answered', vm, step })
  }

  #failed(vm: VmUuid, step: XapiStep, { kind, code }: XapiFailure): void {
    if (kind === 'xapi-error') this.#apply({ type: 'xapi-failed', vm, step, code })
    else this.#apply({ type: 'xapi-silent', vm, step })
  }

  /** Asked of whoever answers; a member whose coordinator is dead is silent. */
  async #askCoordinator(): Promise<void> {
    const pools = await this.#ask('pool.get_all_records', [], WHO_MS)
    const pool =
      typeof pools === 'object' && pools !== null && !(pools instanceof XapiFailure) ? Object.values(pools)[0] : undefined
    const master = typeof pool === 'object' && pool !== null ? (pool as Readonly<Record<string, XapiValue>>)['master'] : undefined
    const uuid = typeof master === 'string' ? await this.#ask('host.get_uuid', [master], WHO_MS) : undefined
    if (typeof uuid === 'string') this.#apply({ type: 'coordinator-is', host: uuid as HostUuid })
    else this.#apply({ type: 'coordinator-silent' })
  }

  async #elect(instead: HostUuid): Promise<void> {
    const outcome = await this.needs.election.elect(instead)
    if (outcome === 'unanswered') this.#apply({ type: 'election-unanswered' })
    else if (outcome === this.needs.parts.host) this.#apply({ type: 'election-won' })
    else this.#apply({ type: 'election-lost', winner: outcome })
  }

  async #promote(): Promise<void> {
    const { xapi } = this.needs.parts
    try {
      await xapi.call('pool.emergency_transition_to_master', [], { deadlineMs: PROMOTE_MS, where: 'local' })
      this.#apply({ type: 'promote-answered' })
    } catch (error) {
      if (!(error instanceof XapiFailure)) throw error
      if (error.kind === 'xapi-error') this.#apply({ type: 'promote-failed', code: error.code })
      else this.#apply({ type: 'promote-silent' })
    }
  }

  async #alert({ name, priority, vm, text }: Extract<FailoverEffect, { effect: 'alert' }>): Promise<void> {
    const { config } = this.needs.parts
    await this.#beside('message.create', [name, priority, vm === null ? 'Pool' : 'VM', vm ?? config.pool, text], ALERT_MS)
  }

  /** Nothing waits for it. */
  async #beside(method: string, args: readonly XapiArgument[], deadlineMs: number): Promise<void> {
    const answer = await this.#ask(method, args, deadlineMs)
    if (answer instanceof XapiFailure)
      this.needs.parts.log.warn('a call beside the failover failed', { method, error: answer.message })
  }

  async #ask(method: string, args: readonly XapiArgument[], deadlineMs: number): Promise<XapiValue | XapiFailure> {
    try {
      return await this.needs.parts.xapi.call(method, args, { deadlineMs })
    } catch (error) {
      if (error instanceof XapiFailure) return error
      throw error
    }
  }

  #note(vm: VmUuid, act: string, rule: string, text: string): void {
    const host = must(this.needs.parts.host, 'this host has a uuid')
    this.needs.parts.timeline.record({ vm, act, rule, text, evidence: { host } })
  }
}

const vmArg = (uuid: VmUuid): XapiArgument => ({ xapiClass: 'VM', uuid })
const hostArg = (uuid: HostUuid): XapiArgument => ({ xapiClass: 'host', uuid })
