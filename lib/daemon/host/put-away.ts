import { DOM0, type VmUuid } from '../../core/domain/ids'
import type { WorkerStatus } from '../../wire/worker-api'
import { XapiFailure } from '../../ports/xapi'
import { look } from './failover/failover-acts'
import type { Fleet } from './fleet'
import type { HostParts } from './parts'

/** A domain is built after its disks were attached, and XAPI's view is a moment behind: one look says nothing. */
const LOOKS = 3

/**
 * A guest that halted while this host's daemon was away: the storage could not be told that nobody uses the disks any more, and the worker
 * would wait for a domain that never comes back.
 */
export class PutAway {
  readonly #looks = new Map<VmUuid, number>()

  constructor(
    private readonly parts: HostParts,
    private readonly fleet: Fleet,
  ) {}

  /** Called once a second, with what the VM's worker says of itself. */
  async keep(vm: VmUuid, { volumes, guestActive }: WorkerStatus): Promise<void> {
    const viewed = this.parts.xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)
    const attached = volumes.flatMap(({ key, attachedTo }) =>
      attachedTo === null || attachedTo === DOM0 ? [] : [{ volume: key, domain: attachedTo }],
    )
    const isOver =
      guestActive &&
      viewed?.powerState === 'Halted' &&
      viewed.operations.length === 0 &&
      attached.length > 0 &&
      (await this.#areGone(attached))
    const looks = isOver ? (this.#looks.get(vm) ?? 0) + 1 : 0
    this.#looks.set(vm, looks)
    if (looks < LOOKS || !(await this.#isHalted(vm))) return
    for (const each of attached) {
      await this.fleet.ask(vm, 'deactivate', each)
      await this.fleet.ask(vm, 'detach', each)
    }
    this.parts.timeline.record({
      ...{ vm, act: 'disks-put-away', rule: 'domain-is-gone' },
      text: 'The guest halted while nobody could tell its worker; its disks are free again.',
      evidence: { domains: [...new Set(attached.map(({ domain }) => domain))].join(' ') },
    })
  }

  async #areGone(attached: readonly { readonly domain: string }[]): Promise<boolean> {
    try {
      const states = await Promise.all(
        [...new Set(attached.map(({ domain }) => domain))].map((each) => this.parts.domains.state(each)),
      )
      return states.every((state) => state === 'gone')
    } catch (error) {
      this.parts.log.debug('the domains of this host are not known', { error: String(error) })
      return false
    }
  }

  async #isHalted(vm: VmUuid): Promise<boolean> {
    try {
      const seen = await look(vm, this.parts.xapi)
      return seen?.powerState === 'Halted' && seen.operations.length === 0
    } catch (error) {
      if (!(error instanceof XapiFailure)) throw error
      return false
    }
  }
}
