import { domainsOf, GuestDomains, type Served } from './guest-domains'
import type { WorkerParts } from './parts'

/** The domains that use a primary's disks. Frozen disks stop their writes; their packets stop when their vCPUs do. */
export class Guest {
  readonly #domains: GuestDomains
  /** By this process, or by one before it that ended meanwhile. */
  #mayBePaused = false

  constructor(
    parts: WorkerParts,
    private readonly disks: () => readonly Served[],
  ) {
    this.#domains = new GuestDomains(parts)
  }

  /** A process before this one may have served it. */
  returned(): void {
    this.#mayBePaused = true
  }

  /** Nobody else's pause is taken back, as far as this process can tell. */
  run(): void {
    if (!this.#mayBePaused) return
    this.#mayBePaused = false
    void this.#domains.unpause(domainsOf(this.disks()))
  }

  stand(): void {
    this.#mayBePaused = true
    void this.#domains.pause(domainsOf(this.disks()))
  }

  end(): Promise<void> {
    return this.#domains.destroy(domainsOf(this.disks()))
  }
}
