import { must } from '../../../core/domain/assert'
import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { Level } from '../../../core/domain/level'
import { Reprotect, type KeptVm, type ReprotectEffect, type ReprotectEvent } from '../../../core/policy/reprotect'
import { alert } from '../alert'
import { ranked } from '../fencing/silent-host'
import { hostNameOf, vmNameOf } from '../names'
import type { Protection } from '../protection'
import { DisabledHosts } from './disabled-hosts'
import { keptVm, type KeptNeeds } from './kept-vm'
import { ShownSecondary } from './shown-secondary'

export interface ReprotectionNeeds extends Omit<KeptNeeds, 'wasDisabled'> {
  readonly protection: Pick<Protection, 'planned' | 'carryOut'>
}

const OFFER_LIMIT_MS = 5000
/** With fewer there is never another secondary, and nothing to tell. */
const HOSTS_LEAST = 3

/** Gives VMs of this host another secondary when theirs is lost: by the plan that an operator's `protect` would follow. */
export class Reprotection {
  readonly #machine: Reprotect
  /** By VM: hosts that refused it since it was whole. */
  readonly #avoided = new Map<VmUuid, Set<HostUuid>>()
  readonly #shown: ShownSecondary
  readonly #disabled = new DisabledHosts()
  private readonly needs: ReprotectionNeeds & KeptNeeds
  #isLooking = false

  constructor(given: ReprotectionNeeds) {
    const needs = { ...given, wasDisabled: (host: HostUuid) => this.#disabled.has(host) }
    this.needs = needs
    this.#machine = new Reprotect(needs.parts.config.reprotectAfterMs)
    this.#shown = new ShownSecondary(needs)
  }

  /** Called once a second. */
  async turn(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    try {
      this.#disabled.seen(this.needs.parts.xapi.inventory()?.hosts ?? [], this.needs.isAlive)
      const waitsFor = this.#waitsFor()
      if (waitsFor === '') await this.#shown.turn()
      if (Object.keys(this.needs.parts.config.hosts).length >= HOSTS_LEAST)
        this.#apply({ on: 'look', vms: await this.#vms(), waitsFor })
    } finally {
      this.#isLooking = false
    }
  }

  /** In the order in which they would be started. */
  async #vms(): Promise<KeptVm[]> {
    const { parts, catalogue } = this.needs
    const inOrder = catalogue.protectedVms().map((vm) => ranked(vm, parts))
    inOrder.sort((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : 1))
    const seen: KeptVm[] = []
    for (const { vm } of inOrder) {
      const kept = await keptVm(this.needs, vm, this.#machine.copying === vm)
      if (kept !== null) seen.push(kept)
    }
    return seen
  }

  #waitsFor(): string {
    const { parts, isAlive } = this.needs
    const coordinator = parts.xapi.inventory()?.coordinator
    if (coordinator === undefined || !parts.xapi.reachable) return 'XAPI does not answer'
    return coordinator === parts.host || isAlive(coordinator) ? '' : 'the pool has no coordinator'
  }

  #apply(event: ReprotectEvent): void {
    for (const effect of this.#machine.apply(event, this.needs.parts.clock.nowMs())) this.#run(effect)
  }

  #run(effect: ReprotectEffect): void {
    if (effect.do === 'record') this.needs.parts.timeline.record(effect.entry)
    else void this.#reprotect(effect)
  }

  async #reprotect(effect: Extract<ReprotectEffect, { do: 'reprotect' }>): Promise<void> {
    const { vm } = effect
    try {
      if (await this.#replace(effect)) this.#apply({ on: 'begun', vm })
      else this.#apply({ on: 'refused', vm, why: '', passes: true })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.#apply({ on: 'refused', vm, why: error.message, passes: error.code === 'HOLDFAST_COPY_UNDER_WAY' })
    }
  }

  /** False: what it was planned for is not so any more. */
  async #replace({ vm, lost, silentMs }: Extract<ReprotectEffect, { do: 'reprotect' }>): Promise<boolean> {
    const { parts, catalogue, protection } = this.needs
    const avoided = this.#avoided.get(vm) ?? new Set()
    const plan = await protection.planned(vm, this.#levelOf(vm), avoided)
    if (plan.needsHalt !== null) throw new Refusal(plan.needsHalt.code, plan.needsHalt.facts)
    const to = must(plan.secondary, 'a plan to protect names a secondary')
    try {
      await parts.askPeer(to, 'peer-offer', { vm, records: { list: catalogue.ofVm(vm) } }, OFFER_LIMIT_MS)
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== 'HOLDFAST_COPY_UNDER_WAY')
        this.#avoided.set(vm, new Set([...avoided, to]))
      throw error
    }
    // To plan takes its time, and the lost host may be heard by now.
    const now = await keptVm(this.needs, vm, true)
    if (now?.secondary !== lost || !now.isSilent || now.waitsFor !== '' || plan.primary !== parts.host || to === lost)
      return false
    const silentSeconds = Math.round(silentMs / 1000)
    const because = `, as ${hostNameOf(parts, lost)} has been silent for ${silentSeconds} s`
    await protection.carryOut(plan, { rule: 'secondary-lost', because, evidence: { lost, silentSeconds } })
    this.#avoided.delete(vm)
    const text = `${vmNameOf(parts, vm)} has a new secondary, ${hostNameOf(parts, to)}${because}`
    void alert(parts, { effect: 'alert', name: 'HOLDFAST_NEW_SECONDARY', priority: 4, vm, text })
    return true
  }

  /** What was accepted, whatever XAPI shows. A claim stands for `restart` at least. */
  #levelOf(vm: VmUuid): Level {
    return this.needs.catalogue.ofVm(vm).find(({ level }) => level !== null)?.level ?? 'restart'
  }
}
