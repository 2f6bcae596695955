import type { VmUuid } from '../../core/domain/ids'
import type { VolumeRecord } from '../../core/domain/volume'
import type { WorkerStatus } from '../../wire/worker-api'
import type { Catalogue } from './catalogue'
import type { FailoverDriver } from './failover-driver'
import type { HostParts } from './parts'

/**
 * What ran when the hosts lost power. XAPI calls a VM halted once its host has booted, and nobody is suspected who could have lost it: only
 * the catalogue remembers that its guest used the disks.
 */
export class RanHere {
  /** Since this host has booted: with a guest at the time, and nothing done about it yet. */
  readonly #waiting = new Set<VmUuid>()
  readonly #ready = new Map<VmUuid, number>()

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
    private readonly failover: FailoverDriver,
  ) {}

  /** The first worker of the VM since this host has booted is about to start. */
  booted(vm: VmUuid, records: readonly VolumeRecord[]): void {
    if (records.some(({ guestActive }) => guestActive === true)) this.#waiting.add(vm)
  }

  /** Called once a second, with what the VM's worker says of itself. */
  async keep(vm: VmUuid, records: readonly VolumeRecord[], { role, guestActive, claim }: WorkerStatus): Promise<void> {
    // Where a secondary is connected it hears of the guest, and where not the claim's holder knows better.
    if (role === 'secondary' && claim !== null) this.#waiting.delete(vm)
    if (role !== 'primary') return
    if (!guestActive && this.#waiting.has(vm)) {
      if (this.parts.xapi.reachable) this.#ready.set(vm, claim?.claim.term ?? 0)
      return
    }
    this.#waiting.delete(vm)
    if (this.failover.isUnderWay(vm)) return
    for (const record of records)
      if ((record.guestActive ?? false) !== guestActive) await this.catalogue.change(record.key, { guestActive })
  }

  /** After each round over all VMs, so that they start in their order. */
  startAgain(): void {
    const vms = [...this.#ready].map(([vm, term]) => ({ vm, term }))
    this.#ready.clear()
    for (const { vm } of vms) this.#waiting.delete(vm)
    this.failover.ranHere(vms)
  }
}
