import type { StoredClaim } from '../../../core/domain/claim'
import { Refusal } from '../../../core/domain/errors'
import type { VmUuid } from '../../../core/domain/ids'
import type { VolumeRecord } from '../../../core/domain/volume'
import { formerCopy } from '../../../core/policy/former-copy'
import { WitnessUnreachable } from '../../../ports/witness'
import type { Catalogue } from '../catalogue'
import type { Fleet } from '../fleet'
import type { HostParts } from '../parts'
import { release } from '../secondary-duty'

/** A copy that stays for a while is looked at so often. */
const LOOK_EVERY_MS = 5000

/** Puts away what is left here of VMs that got another secondary while this host was away: their worker, its standby, the replicas. */
export class FormerHome {
  readonly #lookAtMs = new Map<VmUuid, number>()
  readonly #told = new Map<VmUuid, string>()

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
    private readonly fleet: Fleet,
  ) {}

  /** Called once a second. */
  async turn(): Promise<void> {
    for (const vm of this.catalogue.protectedVms()) if (this.#isDue(vm)) await this.#look(vm)
  }

  #isDue(vm: VmUuid): boolean {
    const nowMs = this.parts.clock.nowMs()
    if (this.#isHome(vm) || nowMs < (this.#lookAtMs.get(vm) ?? 0)) return false
    this.#lookAtMs.set(vm, nowMs + LOOK_EVERY_MS)
    return true
  }

  #isHome(vm: VmUuid): boolean {
    return this.catalogue.ofVm(vm).some(({ homes }) => homes.includes(this.parts.host))
  }

  async #look(vm: VmUuid): Promise<void> {
    try {
      const here = await this.#replicasHere(vm)
      if (here.length === 0 && this.fleet.specOf(vm) === undefined) return
      const stored = await this.parts.witness.read(vm)
      if (stored !== null) await this.#judge(vm, stored, here)
    } catch (error) {
      if (error instanceof WitnessUnreachable) return
      if (!(error instanceof Refusal) && !isOfTheSystem(error)) throw error
      this.parts.log.warn('a former copy stays for now', { vm, why: error.message })
    }
  }

  async #replicasHere(vm: VmUuid): Promise<VolumeRecord[]> {
    const records = this.catalogue.ofVm(vm).filter(({ sr }) => this.catalogue.srs.includes(sr))
    const used = await Promise.all(records.map((record) => this.catalogue.storeOf(record).usedBytes(record.key)))
    return records.filter((_, index) => used[index] !== 0)
  }

  async #judge(vm: VmUuid, { claim }: StoredClaim, here: readonly VolumeRecord[]): Promise<void> {
    const { parts, catalogue, fleet } = this
    const { host, config } = parts
    const setAside = await Promise.all(here.map((record) => catalogue.storeOf(record).hasSetAside(record.key)))
    const mayHaveGoneOn = config.withoutQuorum === 'continue' && config.preferredSurvivor === host
    const judged = formerCopy({ host, claim, mayHaveGoneOn, hasSetAside: setAside.includes(true) })
    // It may have become this host's again meanwhile.
    if (judged.verdict === 'keep' || this.#isHome(vm)) return
    if (judged.verdict === 'left') {
      this.#tell(vm, judged.why)
      return
    }
    await release(catalogue, fleet, vm, parts)
    for (const { key } of here) {
      const record = catalogue.find(key)
      if (record !== undefined && !record.homes.includes(host)) await catalogue.storeOf(record).dropReplica(key)
    }
    parts.timeline.record({
      ...{ vm, act: 'former-copy-dropped', rule: 'two-other-copies' },
      text: 'The VM got another secondary while this host was away, and has two whole copies: the old one here is put away.',
      evidence: { term: claim.term, holder: claim.holder, disks: here.length },
    })
  }

  #tell(vm: VmUuid, text: string): void {
    if (this.#told.get(vm) === text) return
    this.#told.set(vm, text)
    this.parts.timeline.record({ vm, act: 'former-copy-kept', rule: 'left-to-the-operator', text, evidence: {} })
  }
}

/** By shape: errors of the system may come from another realm. A disk that fails keeps what it has. */
const isOfTheSystem = (error: unknown): error is { readonly message: string } =>
  typeof error === 'object' && error !== null && 'code' in error && 'message' in error
