import type { HostUuid } from '../../../core/domain/ids'
import type { InventoryHost } from '../../../core/domain/inventory'

/**
 * Which hosts somebody had disabled before they fell silent. What XAPI shows of a silent host says nothing: after a change of coordinator it calls
 * every host disabled that has not reported since.
 */
export class DisabledHosts {
  readonly #disabled = new Set<HostUuid>()

  seen(hosts: readonly InventoryHost[], isAlive: (host: HostUuid) => boolean): void {
    for (const { uuid, enabled } of hosts) {
      if (enabled) this.#disabled.delete(uuid)
      else if (isAlive(uuid)) this.#disabled.add(uuid)
    }
  }

  has(host: HostUuid): boolean {
    return this.#disabled.has(host)
  }
}
