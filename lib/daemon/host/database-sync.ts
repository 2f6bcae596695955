import type { HostUuid } from '../../core/domain/ids'
import type { PoolInventory } from '../../core/domain/inventory'
import { XapiFailure } from '../../ports/xapi'
import type { Catalogue } from './catalogue'
import type { HostParts } from './parts'

/** On a pool of some hosts the copy takes a second or two; a storm of changes must not become a storm of copies. */
const SETTLE_MS = 2000
const SYNC_MS = 20_000

/**
 * XAPI copies its database to a member every five minutes, and a promoted member starts with its copy (facts C5). What a restart
 * of a protected VM needs is copied at once: after a protection, after a change of a protected VM's configuration, and when a host that was away
 * for such a change is heard again.
 */
export class DatabaseSync {
  #copied = ''
  #changedAtMs: number | null = null
  #busy = false

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
    private readonly elected: () => boolean,
    private readonly isAlive: (host: HostUuid) => boolean,
  ) {}

  /** Called often, on every host; only the coordinator's daemon copies by itself. */
  async turn(): Promise<void> {
    const { xapi, clock, host } = this.parts
    const inventory = xapi.inventory()
    if (inventory?.coordinator !== host || !xapi.reachable || !this.elected() || this.#busy) return
    const wanted = this.#configuration(inventory)
    if (wanted === this.#copied) {
      this.#changedAtMs = null
      return
    }
    this.#changedAtMs ??= clock.nowMs()
    if (clock.nowMs() < this.#changedAtMs + SETTLE_MS) return
    this.#busy = true
    if (await this.now()) this.#copied = wanted
    this.#busy = false
  }

  /** True when every member that can be reached has a copy. */
  async now(): Promise<boolean> {
    try {
      await this.parts.xapi.call('pool.sync_database', [], { deadlineMs: SYNC_MS })
      return true
    } catch (error) {
      if (!(error instanceof XapiFailure)) throw error
      this.parts.log.warn('the database was not copied to the members', { error: error.message })
      return false
    }
  }

  /** Without what changes while a VM runs: a copy that calls it halted is good enough to start it. */
  #configuration({ vms, hosts }: PoolInventory): string {
    const protectedVms = new Set(this.catalogue.protectedVms())
    const kept = vms.filter(({ uuid }) => protectedVms.has(uuid))
    const heard = hosts.filter(({ uuid }) => this.isAlive(uuid)).map(({ uuid, enabled, live }) => [uuid, enabled, live])
    return JSON.stringify([
      heard,
      kept.map(({ uuid, name, memoryBytes, order, affinity, otherConfig, disks, nics }) => [
        ...[uuid, name, memoryBytes, order, affinity, otherConfig, nics],
        disks.map(({ vdi, userdevice, sizeBytes }) => [vdi, userdevice, sizeBytes]),
      ]),
    ])
  }
}
