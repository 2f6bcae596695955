import type { HostUuid, VmUuid } from '../../../core/domain/ids'
import { SECONDARY_KEY } from '../../../core/policy/protection'
import { homesOf } from '../homes'
import { recordSecondary } from '../level-record'
import type { KeptNeeds } from './kept-vm'

/** XAPI's view is a moment behind what was written to it. */
const LOOKS = 5

/**
 * XAPI shows which host keeps a VM's copies, for plans and for people. After a failover that is the one where the VM runs now, and after an act that
 * was cut short it may be one that keeps none.
 */
export class ShownSecondary {
  readonly #looks = new Map<VmUuid, number>()

  constructor(private readonly needs: Omit<KeptNeeds, 'wasDisabled'>) {}

  /** Called once a second, while the pool has a coordinator. */
  async turn(): Promise<void> {
    const { parts, catalogue } = this.needs
    const shown = new Map(parts.xapi.inventory()?.vms.map(({ uuid, otherConfig }) => [uuid, otherConfig[SECONDARY_KEY]]))
    for (const vm of catalogue.protectedVms()) {
      const homes = homesOf(catalogue.ofVm(vm))
      const secondary = homes.find((host) => host !== parts.host)
      const isWrong = shown.has(vm) && homes.includes(parts.host) && secondary !== undefined && shown.get(vm) !== secondary
      if (!isWrong) this.#looks.delete(vm)
      else await this.#seen(vm, secondary)
    }
  }

  async #seen(vm: VmUuid, secondary: HostUuid): Promise<void> {
    const looks = (this.#looks.get(vm) ?? 0) + 1
    this.#looks.set(vm, looks % LOOKS)
    if (looks < LOOKS || this.needs.isUnderWay(vm)) return
    const status = await this.needs.fleet.status(vm)
    if (status?.role === 'primary' && status.unprotecting !== true) await recordSecondary(this.needs.parts, vm, secondary)
  }
}
