import type { HostUuid, VmUuid } from '../domain/ids'
import type { Evidence, FailoverEffect } from './effects'
import { Promotion, type PromotionEvent } from './promotion'
import { Restart, type WhyEnded, type RestartPhase } from './restart'
import type { RestartEvent } from './restart-events'

/** A VM of the lost host whose claim this host may take, as policy ordered them. */
export interface LostVm {
  readonly vm: VmUuid
  readonly name: string
  /** Start order; the same number starts at the same time. */
  readonly rank: number
  /** To wait after this VM runs, before the next rank. */
  readonly delaySeconds: number
  readonly wasRunning: boolean
}

export interface RanVm extends Omit<LostVm, 'wasRunning'> {
  readonly term: number
  readonly why: WhyEnded
}

export type FailoverEvent =
  /** VMs that ran here and do no longer, although this host still holds their claim. */
  | { readonly type: 'ran-here'; readonly vms: readonly RanVm[] }
  /** Again and again while it lasts: more of the VMs that were lost with the host may be known by then. */
  | { readonly type: 'host-suspected'; readonly host: HostUuid; readonly evidence: Evidence; readonly vms: readonly LostVm[] }
  /** It is proven that the host is off, as long as it is not heard again. */
  | { readonly type: 'host-fenced'; readonly host: HostUuid; readonly evidence: Evidence }
  | (Exclude<RestartEvent, { type: 'tick' | 'turn' | 'host-back' }> & { readonly vm: VmUuid })
  | Exclude<PromotionEvent, { type: 'host-suspected' | 'proof' }>

interface Underway {
  readonly restart: Restart
  readonly lost: LostVm
  /** No rank waits for an earlier one longer than until then. */
  readonly patienceEndsMs: number
  /** Null until the VM runs or will not run. */
  settledAtMs: number | null
}

const PATIENCE_MS = 30_000

/**
 * All failover of one host: a Restart per VM and the Promotion, and what they owe each other. A taken claim is the proof that a
 * promotion needs; no VM is asked about at XAPI while there is no coordinator; ranks start in order. Events carry monotonic
 * milliseconds.
 */
export class Failover {
  private readonly underway = new Map<VmUuid, Underway>()
  private readonly promotion: Promotion
  /** By suspected host: the VMs whose failover was begun since. */
  private readonly begun = new Map<HostUuid, Set<VmUuid>>()

  constructor(
    private readonly here: HostUuid,
    coordinator: HostUuid,
  ) {
    this.promotion = new Promotion(here, coordinator)
  }

  get coordinator(): HostUuid {
    return this.promotion.coordinator
  }

  /** Nothing is under way: no tick is needed. */
  get idle(): boolean {
    return this.underway.size === 0 && this.promotion.usable
  }

  apply(event: FailoverEvent, atMs: number): readonly FailoverEffect[] {
    const effects = [...this.dispatch(event, atMs)]
    this.settle(atMs)
    effects.push(...this.giveTurns(atMs))
    this.settle(atMs)
    for (const [vm, { restart, settledAtMs, lost }] of this.underway) {
      const waitedFor = settledAtMs !== null && atMs < settledAtMs + lost.delaySeconds * 1000
      if (restart.phase === 'ended' && !waitedFor) this.underway.delete(vm)
    }
    return effects
  }

  private dispatch(event: FailoverEvent, atMs: number): FailoverEffect[] {
    if (event.type === 'host-suspected') return this.suspect(event, atMs)
    if (event.type === 'host-fenced') return this.promotion.apply({ ...event, type: 'proof' }, atMs)
    if (event.type === 'ran-here') return this.ranHere(event.vms, atMs)
    if ('vm' in event) return this.toVm(event, atMs)
    if (event.type === 'host-back') this.begun.delete(event.host)
    const effects: FailoverEffect[] = this.promotion.apply(event, atMs)
    for (const { restart } of this.underway.values()) {
      const mayAct = this.promotion.usable || restart.phase === 'taking'
      if (event.type === 'tick' && mayAct) effects.push(...restart.apply(event, atMs))
      if (event.type === 'host-back' && restart.facts.lost === event.host)
        effects.push(...restart.apply({ type: 'host-back' }, atMs))
    }
    return effects
  }

  private suspect(event: Extract<FailoverEvent, { type: 'host-suspected' }>, atMs: number): FailoverEffect[] {
    const { host, evidence } = event
    const begun = this.begun.get(host)
    const vms = event.vms.filter(({ vm }) => begun?.has(vm) !== true && (this.phaseOf(vm) ?? 'ended') === 'ended')
    if (begun !== undefined && vms.length === 0) return []
    this.begun.set(host, new Set([...(begun ?? []), ...vms.map(({ vm }) => vm)]))
    const names = vms.map(({ name }) => name).join(', ')
    const which = names === '' ? 'no VM of it is known to have its other copy here' : `to be taken over here: ${names}`
    const text = `host ${host} is suspected dead; ${which}`
    const entry = { vm: null, act: 'host-suspected', rule: 'silent-on-every-link', text, evidence }
    const effects: FailoverEffect[] = [{ effect: 'record', entry }]
    if (begun === undefined) effects.push(...this.promotion.apply({ type: 'host-suspected', host }, atMs))
    for (const lost of vms) {
      const { vm, name, wasRunning } = lost
      const restart = new Restart({ vm, name, lost: host, here: this.here, wasRunning }, atMs)
      this.underway.set(vm, { restart, lost, patienceEndsMs: atMs + PATIENCE_MS, settledAtMs: null })
      effects.push(...restart.begin(evidence))
    }
    return effects
  }

  private ranHere(vms: Extract<FailoverEvent, { type: 'ran-here' }>['vms'], atMs: number): FailoverEffect[] {
    const { here } = this
    return vms
      .filter(({ vm }) => (this.phaseOf(vm) ?? 'ended') === 'ended')
      .flatMap(({ term, why, ...of }) => {
        const lost: LostVm = { ...of, wasRunning: true }
        const restart = new Restart({ vm: of.vm, name: of.name, lost: here, here, wasRunning: true }, atMs)
        this.underway.set(of.vm, { restart, lost, patienceEndsMs: atMs + PATIENCE_MS, settledAtMs: null })
        return restart.beginHeld(term, why)
      })
  }

  private toVm(event: Extract<FailoverEvent, { vm: VmUuid }>, atMs: number): FailoverEffect[] {
    const found = this.underway.get(event.vm)
    if (found === undefined) return []
    const { restart } = found
    const hadClaim = restart.term !== null
    const effects: FailoverEffect[] = restart.apply(event, atMs)
    if (!hadClaim && restart.term !== null) {
      const evidence = { vm: event.vm, term: restart.term }
      effects.push(...this.promotion.apply({ type: 'proof', host: restart.facts.lost, evidence }, atMs))
    }
    // A step that nobody answers, while the coordinator's host is suspected, is a coordinator that nobody has.
    if (event.type === 'xapi-silent') effects.push(...this.promotion.apply({ type: 'coordinator-silent' }, atMs))
    return effects
  }

  private settle(atMs: number): void {
    for (const underway of this.underway.values()) {
      const { phase, failures, goesOn } = underway.restart
      if (phase === 'ended' || phase === 'homing' || failures > 0 || goesOn) underway.settledAtMs ??= atMs
    }
  }

  private giveTurns(atMs: number): FailoverEffect[] {
    if (!this.promotion.usable) return []
    const waiting = [...this.underway.values()].filter(({ restart }) => restart.phase === 'queued')
    return waiting
      .filter((one) => [...this.underway.values()].every((other) => !this.goesBefore(other, one, atMs)))
      .flatMap(({ restart }) => restart.apply({ type: 'turn' }, atMs))
  }

  /** True while `one` has to wait for `other`. */
  private goesBefore(other: Underway, one: Underway, atMs: number): boolean {
    if (other.restart.facts.lost !== one.restart.facts.lost || other.lost.rank >= one.lost.rank) return false
    if (atMs >= one.patienceEndsMs || !other.lost.wasRunning) return false
    return other.settledAtMs === null || atMs < other.settledAtMs + other.lost.delaySeconds * 1000
  }

  /** Null when nothing is under way for the VM. */
  phaseOf(vm: VmUuid): RestartPhase | null {
    return this.underway.get(vm)?.restart.phase ?? null
  }
}
