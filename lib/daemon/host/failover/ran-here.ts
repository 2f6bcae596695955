import type { VmUuid } from '../../../core/domain/ids'
import type { RanVm } from '../../../core/failover/failover'
import type { WhyEnded } from '../../../core/failover/restart'
import type { VolumeRecord } from '../../../core/domain/volume'
import type { WorkerStatus } from '../../../wire/worker-api'
import type { Catalogue } from '../catalogue'
import type { FailoverDriver } from './failover-driver'
import type { HostParts } from '../parts'

/**
 * What ran here and does no longer, although the claim never left. After all hosts lost power XAPI calls a VM halted, and nobody is suspected
 * who could have lost it: only the catalogue remembers that its guest used the disks. And what the watchdog of this host ended, because
 * nobody confirmed its claim in time, looks like any halted VM.
 */
export class RanHere {
  /** Nothing was done about these yet. */
  readonly #waiting = new Map<VmUuid, WhyEnded>()
  #ready: Pick<RanVm, 'vm' | 'term' | 'why'>[] = []

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
    private readonly failover: FailoverDriver,
  ) {}

  /** The first worker of the VM since this host has booted is about to start. */
  booted(vm: VmUuid, records: readonly VolumeRecord[]): void {
    if (records.some(({ guestActive }) => guestActive === true)) this.#waiting.set(vm, 'host-went-down')
  }

  /** Called once a second, with what the VM's worker says of itself. */
  async keep(vm: VmUuid, records: readonly VolumeRecord[], { role, guestActive, claim, frozen }: WorkerStatus): Promise<void> {
    const wasFenced = !guestActive && this.parts.takeSelfFenced(vm)
    // Another host holds the claim, and with it what is to be done.
    if (role === 'secondary' && claim !== null) this.#waiting.delete(vm)
    if (role !== 'primary') return
    if (wasFenced) this.#waiting.set(vm, 'self-fenced')
    const why = this.#waiting.get(vm)
    if (!guestActive && why !== undefined) {
      // Until the claim is confirmed another host may take it.
      if (this.parts.xapi.reachable && !frozen) this.#ready.push({ vm, term: claim?.claim.term ?? 0, why })
      return
    }
    this.#waiting.delete(vm)
    if (this.failover.isUnderWay(vm)) return
    for (const record of records)
      if ((record.guestActive ?? false) !== guestActive) await this.catalogue.change(record.key, { guestActive })
  }

  /** After each round over all VMs, so that they start in their order. */
  startAgain(): void {
    const vms = this.#ready
    this.#ready = []
    for (const { vm } of vms) this.#waiting.delete(vm)
    this.failover.ranHere(vms)
  }
}
