import { must } from '../../core/domain/assert'
import type { Claim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid, VmUuid, VolumeKey } from '../../core/domain/ids'
import type { Level } from '../../core/domain/level'
import type { ProtectionPlan } from '../../core/domain/plan'
import { stepText } from '../../core/policy/plan-text'
import { isRefusal, planProtect, planUnprotect } from '../../core/policy/planner'
import type { Situation } from '../../core/policy/protection'
import type { LockstepMeasure } from '../../wire/lockstep'
import type { PlanReport, ProtectReport, UnprotectReport } from '../../wire/daemon-api'
import type { Catalogue } from './catalogue'
import type { DatabaseSync } from './database-sync'
import { asVm } from './datapath'
import { addressesOf, type Fleet } from './fleet'
import type { Membership } from './membership'
import type { DiskMover } from './move/move-disks'
import { homesOf } from './homes'
import { measured } from './lockstep/forecast'
import type { LockstepLevel } from './lockstep/lockstep-level'
import { withStandbys } from './lockstep/standby-room'
import { recordLevel, setAffinity } from './level-record'
import { hostNameOf, vmNameOf } from './names'
import type { HostParts } from './parts'
import { situationNow, witnessed } from './situation'

const SECONDARY_LIMIT_MS = 10_000
/** Forwarding host waits a little longer than the forwarded request may take. */
const FORWARD_LIMIT_MS = 25_000

export interface ProtectionNeeds {
  readonly parts: HostParts
  readonly catalogue: Catalogue
  readonly fleet: Fleet
  readonly mover: DiskMover
  readonly database: DatabaseSync
  readonly membership: Membership
  readonly lockstep: LockstepLevel
}

/** For the timeline; `because` goes on with its sentence. */
interface Why {
  readonly rule: string
  readonly because: string
  readonly evidence: Readonly<Record<string, string | number>>
}

const OPERATOR_ASKED: Why = { rule: 'operator-asked', because: '', evidence: {} }

/** Turns the dial of one VM: carries a plan out, on the host where the VM's bytes are. */
export class Protection {
  constructor(private readonly needs: ProtectionNeeds) {}

  async plan({ vm, level }: { vm: string; level: string }): Promise<PlanReport> {
    const plan = await this.planned(asVm(vm), level)
    const { parts } = this.needs
    const forecast = await this.#measured(plan)
    const { from, to, name, secondary, steps, needsHalt } = plan
    const inventory = must(parts.xapi.inventory(), 'a plan was made from an inventory')
    return {
      ...{ vm: plan.vm, name, from, to },
      secondary: secondary === null ? null : hostNameOf(parts, secondary),
      needsHalt: needsHalt !== null,
      steps: steps.map((step) => ({ step: stepText(step, inventory), reason: step.reason })),
      ...(forecast === undefined ? {} : { forecast }),
    }
  }

  async protect({ vm, level }: { vm: string; level: string }): Promise<ProtectReport> {
    if (level === 'unprotected') return { ...(await this.unprotect({ vm })), secondary: '', state: 'done' }
    const { parts } = this.needs
    const plan = await this.planned(asVm(vm), level)
    if (plan.needsHalt !== null) throw new Refusal(plan.needsHalt.code, plan.needsHalt.facts)
    const primary = must(plan.primary, 'a protected VM has a primary')
    const secondary = must(plan.secondary, 'a plan to protect names a secondary')
    if (primary !== parts.host) return parts.askPeer(primary, 'protect', { vm, level }, FORWARD_LIMIT_MS)
    if ((await this.needs.fleet.status(plan.vm))?.unprotecting === true)
      throw new Refusal('HOLDFAST_UNPROTECT_UNDER_WAY', { vm: vmNameOf(parts, plan.vm) })
    await this.#measured(plan)
    const makesClaim = plan.steps.some(({ step }) => step === 'make-claim')
    if (makesClaim && (await this.#agreeOnHomes(plan.vm)) === 'learned') return this.protect({ vm, level })
    const moves = plan.steps.filter((step) => step.step === 'move-disk')
    if (moves.length > 0) {
      // XAPI chose the host that copied, and with it the host that has the bytes now.
      this.needs.mover.start(plan.vm, moves, async () => {
        await this.protect({ vm: plan.vm, level })
      })
      return { vm: plan.vm, level: plan.to, secondary: hostNameOf(parts, secondary), state: 'copying' }
    }
    await this.carryOut(plan)
    const copying = plan.steps.some(({ step }) => step === 'mirror-volumes')
    return { vm: plan.vm, level: plan.to, secondary: hostNameOf(parts, secondary), state: copying ? 'copying' : 'done' }
  }

  /** `avoided`: as a new secondary only when no other host can be one. Refuses what cannot be done. */
  async planned(vm: VmUuid, level: string, avoided: ReadonlySet<HostUuid> = new Set()): Promise<ProtectionPlan> {
    const now = await this.#situation()
    const situation = { ...now, grey: new Set([...now.grey, ...avoided]) }
    const plan = planProtect(level === 'lockstep' ? await withStandbys(this.needs.parts, situation) : situation, { vm, level })
    if (isRefusal(plan)) throw new Refusal(plan.code, plan.facts)
    return plan
  }

  /** Undefined: there is nothing to measure, as the VM is not to come into lockstep. */
  async #measured({ vm, from, to, primary }: ProtectionPlan): Promise<LockstepMeasure | null | undefined> {
    if (to !== 'lockstep' || from === 'lockstep') return undefined
    return measured(this.needs.parts, this.needs.fleet, vm, primary)
  }

  #situation(): Promise<Situation> {
    return situationNow(this.needs.parts, this.needs.catalogue, this.needs.membership)
  }

  /** In this order, so that after a crash at any point the next attempt finds something that it can finish. */
  async carryOut(plan: ProtectionPlan, why: Why = OPERATOR_ASKED): Promise<void> {
    const { parts } = this.needs
    const secondary = must(plan.secondary, 'a plan to protect names a secondary')
    if (plan.steps.some(({ step }) => step === 'make-claim')) await this.#makeClaim(plan, secondary)
    await this.#keepVolumes(plan.vm, plan.to, secondary)
    await this.pair(plan.vm, secondary)
    await this.needs.lockstep.follow(plan.vm)
    await recordLevel(this.needs.parts, plan.vm, plan.to, secondary)
    if (plan.steps.some(({ step }) => step === 'set-affinity')) await setAffinity(parts, plan.vm, parts.host)
    await this.needs.database.now()
    parts.timeline.record({
      vm: plan.vm,
      act: 'vm-protected',
      rule: why.rule,
      text: `${plan.name} was given level ${plan.to}, with ${hostNameOf(parts, secondary)} as its secondary${why.because}.`,
      evidence: { from: plan.from, to: plan.to, secondary, ...why.evidence },
    })
  }

  async #makeClaim({ vm }: ProtectionPlan, secondary: HostUuid): Promise<void> {
    const { parts, catalogue } = this.needs
    const records = this.#recordsOf(vm)
    if (records.length === 0) throw new Refusal('HOLDFAST_VM_HAS_NO_DISK', { vm: vmNameOf(parts, vm) })
    for (const record of records) {
      const [home] = record.homes
      if (home === parts.host) continue
      if (home !== undefined) {
        const names = { host: hostNameOf(parts, parts.host), home: hostNameOf(parts, home) }
        throw new Refusal('HOLDFAST_VOLUME_ELSEWHERE', { volume: record.key, ...names })
      }
      await catalogue.storeOf(record).makeFirstReplica(record)
      await catalogue.change(record.key, { homes: [parts.host] })
    }
    this.#assertOneWorker(vm)
    // It may have been away when a former claim was given up, and what it noted about that one would count for this one. A claim that is there
    // is of an attempt that was cut short after this.
    if ((await witnessed(parts, parts.witness.read(vm))) === null)
      await parts.askPeer(secondary, 'peer-release', { vm }, SECONDARY_LIMIT_MS)
    const upToDate = Object.fromEntries(records.map(({ key }) => [key, [parts.host]])) as Claim['upToDate']
    const term = Math.max(1, ...records.map(({ lastTerm = 1 }) => lastTerm))
    const claim: Claim = { vm, term, holder: parts.host, leaseMs: parts.config.leaseMs, upToDate, lockstep: null }
    const answer = await witnessed(parts, parts.witness.compareAndSwap(0, claim))
    if (answer.stored || answer.current?.claim.holder === parts.host) return
    throw new Refusal('HOLDFAST_CLAIM_HELD_ELSEWHERE', {
      ...{ vm: vmNameOf(parts, vm), host: hostNameOf(parts, parts.host) },
      holder: answer.current === null ? 'nobody' : hostNameOf(parts, answer.current.claim.holder),
      term: answer.current?.claim.term ?? 0,
    })
  }

  /**
   * Several homes and no claim: an `unprotect` was cut short. It has written down first whose bytes count, and the home that did so
   * may be the only one that knows. `learned`: what was planned before was planned from less.
   */
  async #agreeOnHomes(vm: VmUuid): Promise<'known' | 'learned'> {
    const { parts, catalogue } = this.needs
    const records = this.#recordsOf(vm)
    const homes = homesOf(records.filter((record) => record.homes.length > 1))
    for (const host of homes.filter((each) => each !== parts.host)) {
      const refusal = await catalogue.reconcile(host)
      if (refusal !== null) throw refusal
    }
    return records.every((record) => catalogue.find(record.key) === record) ? 'known' : 'learned'
  }

  /** The disks of a running VM must be served by one worker, or they could not be kept of one epoch. */
  #assertOneWorker(vm: VmUuid): void {
    const { fleet, parts } = this.needs
    const keys = this.#recordsOf(vm).map(({ key }) => key)
    const others = fleet.specs().filter(({ id, volumes }) => id !== vm && volumes.some(({ key }) => keys.includes(key)))
    if (others.length === 0) return
    throw new Refusal('HOLDFAST_DISKS_APART', { vm: vmNameOf(parts, vm) })
  }

  #recordsOf(vm: VmUuid): ReturnType<Catalogue['list']> {
    const { parts, catalogue } = this.needs
    const kept = catalogue.ofVm(vm)
    if (kept.length > 0) return kept
    const disks = parts.xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)?.disks ?? []
    return disks.map(({ location }) => catalogue.find(location)).filter((record) => record !== undefined)
  }

  async #keepVolumes(vm: VmUuid, level: Level, secondary: HostUuid): Promise<void> {
    const { parts, catalogue } = this.needs
    const term = (await witnessed(parts, parts.witness.read(vm)))?.claim.term ?? 0
    for (const { key } of this.#recordsOf(vm)) await catalogue.decide(key, { vm, level, homes: [parts.host, secondary] }, term)
  }

  /** Both workers, and the address of one known to the other. Repeated whenever the secondary may have lost its worker. */
  async pair(vm: VmUuid, secondary: HostUuid): Promise<void> {
    const { parts, catalogue, fleet } = this.needs
    const list = catalogue.ofVm(vm)
    const { port } = await parts.askPeer(
      secondary,
      'peer-secondary',
      { vm, primary: parts.host, records: { list } },
      SECONDARY_LIMIT_MS,
    )
    const peer = { host: secondary, addresses: addressesOf(parts, secondary), port }
    const spec = fleet.pairSpec(vm, list, peer)
    const known = fleet.specOf(vm)
    // One that was the secondary of a claim that is gone, and does not look again by itself.
    if (known?.vm === vm && (await fleet.status(vm))?.role === 'secondary')
      await fleet.ask(vm, 'take-over', { reason: 'its claim was made here' }, SECONDARY_LIMIT_MS)
    if (known === undefined) await fleet.start(spec)
    else if (known.vm === null) await fleet.ask(vm, 'protect', { spec }, SECONDARY_LIMIT_MS)
    else await fleet.ask(vm, 'set-peer', { peer })
  }

  async unprotect({ vm: text }: { vm: string }): Promise<UnprotectReport> {
    const { parts, catalogue, fleet } = this.needs
    const vm = asVm(text)
    const plan = planUnprotect(await this.#situation(), vm)
    if (isRefusal(plan)) throw new Refusal(plan.code, plan.facts)
    const stored = await witnessed(parts, parts.witness.read(vm))
    const records = catalogue.ofVm(vm)
    const holder = stored?.claim.holder ?? records[0]?.homes[0] ?? parts.host
    if (holder !== parts.host) return parts.askPeer(holder, 'unprotect', { vm }, FORWARD_LIMIT_MS)
    const others = homesOf(records).filter((host) => host !== parts.host)
    if (stored !== null) {
      const lacking = Object.entries(stored.claim.upToDate).find(([, hosts]) => !hosts.includes(parts.host))
      if (lacking !== undefined) {
        throw new Refusal('HOLDFAST_VOLUME_IN_USE', {
          volume: lacking[0],
          use: "served from the peer's replica, because the one on this host failed",
        })
      }
      const unknown = Object.keys(stored.claim.upToDate).find((volume) => !catalogue.hasHeardOf(volume as VolumeKey))
      if (unknown !== undefined) {
        const names = { vm: plan.name, host: hostNameOf(parts, parts.host), volume: unknown }
        throw new Refusal('HOLDFAST_DISKS_NOT_KNOWN', names)
      }
      await this.#endLockstep(vm, stored.claim.term)
      // Once the claim is gone, this alone says whose bytes count.
      const { term } = stored.claim
      for (const { key } of records) await catalogue.decide(key, { homes: [parts.host, ...others], lastTerm: term }, term)
      await fleet.ask(vm, 'unprotect', {}, SECONDARY_LIMIT_MS)
    }
    const ended = { vm: null, level: null, homes: [parts.host], move: null, guestActive: false }
    for (const { key, lastTerm } of records) await catalogue.decide(key, ended, stored?.claim.term ?? lastTerm ?? 0)
    await fleet.endIfUnused(vm, () => fleet.status(vm))
    await recordLevel(this.needs.parts, vm, 'unprotected', null)
    for (const host of others) await this.#release(host, vm)
    parts.timeline.record({
      ...{ vm, act: 'vm-unprotected', rule: 'operator-asked' },
      text: `${plan.name} is no longer protected.`,
      evidence: { from: plan.from },
    })
    return { vm, level: 'unprotected' }
  }

  /** Its memory counts no more before its disks do. */
  async #endLockstep(vm: VmUuid, term: number): Promise<void> {
    const { catalogue, lockstep } = this.needs
    const records = catalogue.ofVm(vm).filter(({ level }) => level === 'lockstep')
    if (records.length === 0) return
    for (const { key } of records) await catalogue.decide(key, { level: 'redirect' }, term)
    await lockstep.follow(vm)
  }

  /** A host that cannot be asked now drops its copies when it is back and finds the VM unprotected. */
  async #release(host: HostUuid, vm: VmUuid): Promise<void> {
    try {
      await this.needs.parts.askPeer(host, 'peer-release', { vm }, SECONDARY_LIMIT_MS)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.needs.parts.log.warn('replicas of the former secondary are dropped later', { host, vm, why: error.message })
    }
  }
}
