import type { WorkerParts } from './parts'

/** A disk, as far as it matters here. */
export interface Served {
  readonly attachedTo: string | null
  readonly active: boolean
}

/** dom0 itself, whose disk clients are no guest's. */
const DOM0 = '0'

/** Domids whose vCPUs use these disks. */
export const domainsOf = (disks: readonly Served[]): Set<string> =>
  new Set(disks.flatMap(({ attachedTo, active }) => (active && attachedTo !== null && attachedTo !== DOM0 ? [attachedTo] : [])))

/** Stops and ends the guest's domains. Frozen disks stop a guest's writes; its packets stop when its vCPUs do. */
export class GuestDomains {
  /** One call after the other: an unpause must not overtake the pause that it takes back. */
  #last: Promise<void> = Promise.resolve()

  constructor(private readonly parts: WorkerParts) {}

  pause(domids: Set<string>): Promise<void> {
    return this.#each(domids, 'pause')
  }

  /** Whoever paused them: what another process of ours did, nobody here remembers. */
  unpause(domids: Set<string>): Promise<void> {
    return this.#each(domids, 'unpause')
  }

  destroy(domids: Set<string>): Promise<void> {
    return this.#each(domids, 'destroy')
  }

  #each(domids: Set<string>, verb: 'pause' | 'unpause' | 'destroy'): Promise<void> {
    this.#last = this.#last.then(() => this.#inTurn(domids, verb))
    return this.#last
  }

  async #inTurn(domids: Set<string>, verb: 'pause' | 'unpause' | 'destroy'): Promise<void> {
    for (const domid of domids) {
      try {
        await this.parts.domains[verb](domid)
      } catch (error) {
        // The toolstack's own words; the disks stay frozen whatever it does. It also refuses to unpause what is not paused.
        this.parts.log[verb === 'unpause' ? 'warn' : 'error'](`cannot ${verb} the domain`, { domid, error: String(error) })
      }
    }
  }
}
