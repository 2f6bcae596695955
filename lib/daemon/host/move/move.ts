import { Refusal } from '../../../core/domain/errors'
import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import type { PlannedMove } from '../../../core/domain/planned-move'
import { Move, type MoveEffect, type MoveEvent } from '../../../core/failover/move'
import { planMove, type MovePlan } from '../../../core/policy/move-plan'
import { isRefusal } from '../../../core/policy/planner'
import type { DaemonApi, MoveProgress, MoveReport } from '../../../wire/daemon-api'
import type { WorkerStatus } from '../../../wire/worker-api'
import { alert } from '../alert'
import type { Catalogue } from '../catalogue'
import { asVm } from '../datapath'
import type { Fleet } from '../fleet'
import type { Membership } from '../membership'
import { actForMove } from './move-steps'
import { hostNameOf, vmNameOf } from '../names'
import type { HostParts } from '../parts'
import { inventoryNow, situationNow } from '../situation'

const FORWARD_LIMIT_MS = 25_000
const TELL_LIMIT_MS = 12_000
const TAKE_OVER_MS = 10_000

export interface MoveNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Fleet
  readonly membership: Membership
}

/** Planned moves: begun on the host that holds the claim, carried on by whichever holds it. What is to be done is in the catalogue. */
export class Moves {
  readonly #driven = new Set<VmUuid>()

  constructor(private readonly needs: MoveNeeds) {}

  async move(ask: DaemonApi['move']['ask']): Promise<MoveReport> {
    const { parts, catalogue, membership } = this.needs
    const vm = asVm(ask.vm)
    const underWay = this.#underWay(vm)
    if (underWay !== null) return this.#already(vm, ask.to, underWay)
    const situation = await situationNow(parts, catalogue, membership)
    const plan = planMove(situation, { vm, to: ask.to })
    if (isRefusal(plan)) throw new Refusal(plan.code, plan.facts)
    if (ask.plan === true) return this.#report(plan, 'planned')
    if (plan.steps.length === 0) return this.#report(plan, 'nothing')
    if (plan.from !== parts.host) return parts.askPeer(plan.from, 'move', { vm, to: plan.to }, FORWARD_LIMIT_MS)
    const { from, to, starts } = plan
    await this.#remember(vm, { from, to, starts, back: false, state: 'under-way', text: '' })
    parts.timeline.record({
      ...{ vm, act: 'move-begun', rule: 'operator-asked', text: `${plan.name} is moved to ${hostNameOf(parts, to)}.` },
      evidence: { from, to, starts },
    })
    void this.#drive(vm)
    return this.#report(plan, 'begun')
  }

  /** One move at a time: the same one asked for again is that one. */
  #already(vm: VmUuid, asked: string, { from, to, starts, back }: PlannedMove): MoveReport {
    const { parts } = this.needs
    const name = vmNameOf(parts, vm)
    if ([to, hostNameOf(parts, to)].includes(asked) && !back)
      return this.#report({ vm, name, from, to, starts, steps: [] }, 'begun')
    throw new Refusal('HOLDFAST_MOVE_REFUSED', {
      ...{ vm: name, host: asked.slice(0, 80), reason: `It is on its way to ${hostNameOf(parts, to)}` },
      todo: 'Wait until that is over: holdfast timeline',
    })
  }

  #report({ vm, name, from, to, steps }: MovePlan, state: MoveReport['state']): MoveReport {
    const { parts } = this.needs
    return { vm, name, from: hostNameOf(parts, from), to: hostNameOf(parts, to), steps, state }
  }

  /** The last move of a VM, from what both hosts remember and XAPI shows. */
  moving({ vm: text }: DaemonApi['moving']['ask']): Promise<MoveProgress> {
    const { parts } = this.needs
    const vm = asVm(text)
    const move = this.#last(vm)
    if (move === null) return Promise.resolve({ vm, state: 'none', text: '' })
    if (move.state !== 'under-way') return Promise.resolve({ vm, state: move.state, text: move.text })
    const known = inventoryNow(parts).vms.find(({ uuid }) => uuid === vm)
    const runs = known?.powerState === 'Running'
    const doing =
      runs && known.residentOn === move.from
        ? 'it shuts down'
        : runs
          ? 'it has started'
          : 'it is halted, and its claim changes hands'
    return Promise.resolve({ vm, state: 'under-way', text: doing })
  }

  /** From the host that has handed the claim over to this one: the worker here learns it at once. */
  async handedOver({ vm: text }: DaemonApi['handed-over']['ask']): Promise<null> {
    const vm = asVm(text)
    await this.#receive(vm)
    return null
  }

  /** Called once a second, with what the VM's worker says of itself: goes on with what was begun before this daemon, or over there. */
  async keep(vm: VmUuid, status: WorkerStatus): Promise<void> {
    if (this.#driven.has(vm)) return
    const { role, claim, claimIsCurrent } = status
    // Also when nothing has told this host of a move yet: whoever gave the claim away was the only other one that could act.
    if (role === 'secondary' && claimIsCurrent && claim?.claim.holder === this.needs.parts.host) await this.#receive(vm)
    else if (role === 'primary' && this.#underWay(vm) !== null) void this.#drive(vm)
  }

  async #receive(vm: VmUuid): Promise<void> {
    const { parts, fleet } = this.needs
    try {
      const answer = await fleet.ask(vm, 'take-over', { reason: 'it was handed over' }, TAKE_OVER_MS)
      if (answer.taken) void this.#drive(vm)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      parts.log.warn('the worker has not taken what it was given yet', { vm, why: error.message })
    }
  }

  async #drive(vm: VmUuid): Promise<void> {
    const move = this.#underWay(vm)
    const { parts } = this.needs
    if (move === null || this.#driven.has(vm)) return
    this.#driven.add(vm)
    try {
      const nameOf = (host: HostUuid): string => hostNameOf(parts, host)
      const machine = new Move({ vm, name: vmNameOf(parts, vm), here: parts.host, move, nameOf })
      let effects = machine.begin()
      while (effects.length > 0) {
        let event: MoveEvent | null = null
        for (const effect of effects) event = (await this.#run(vm, move, effect)) ?? event
        effects = event === null ? [] : machine.apply(event)
      }
    } finally {
      this.#driven.delete(vm)
    }
  }

  /** Null for an effect that is not answered. */
  async #run(vm: VmUuid, move: PlannedMove, effect: MoveEffect): Promise<MoveEvent | null> {
    const { parts, fleet } = this.needs
    switch (effect.effect) {
      case 'record':
        parts.timeline.record(effect.entry)
        return null
      case 'alert':
        void alert(parts, effect)
        return null
      case 'turn-around':
      case 'ended':
        await this.#remember(vm, effect.move)
        return null
      case 'left-to-the-other':
        await this.#tell(vm, move.to)
        return null
      case 'look':
      case 'rest':
      case 'shut-down':
      case 'hand-over':
      case 'start-on':
      case 'set-affinity':
        return actForMove(effect, vm, parts, fleet)
    }
  }

  /** A host that does not hear it finds out by itself, a second later. */
  async #tell(vm: VmUuid, host: HostUuid): Promise<void> {
    const { askPeer, log } = this.needs.parts
    try {
      await askPeer(host, 'handed-over', { vm }, TELL_LIMIT_MS)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      log.warn('the other host was not told of its claim', { vm, host, why: error.message })
    }
  }

  #last(vm: VmUuid): PlannedMove | null {
    const moves = this.needs.catalogue.ofVm(vm).flatMap(({ move }) => move ?? [])
    return moves.find(({ state }) => state === 'under-way') ?? moves[0] ?? null
  }

  #underWay(vm: VmUuid): PlannedMove | null {
    const move = this.#last(vm)
    return move?.state === 'under-way' ? move : null
  }

  async #remember(vm: VmUuid, move: PlannedMove): Promise<void> {
    for (const { key } of this.needs.catalogue.ofVm(vm)) await this.needs.catalogue.change(key, { move })
  }
}
