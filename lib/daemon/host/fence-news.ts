import { Refusal } from '../../core/domain/errors'
import type { HostUuid } from '../../core/domain/ids'
import type { HostFenced } from '../../wire/worker-api'
import type { Fencing } from './fencing'
import type { Fleet } from './fleet'
import type { HostParts } from './parts'

export interface FenceNewsNeeds {
  readonly parts: Pick<HostParts, 'clock' | 'log'>
  readonly fleet: Pick<Fleet, 'specs' | 'tell'>
  readonly fencing: Pick<Fencing, 'fenced'>
  /** All other hosts of the pool. */
  readonly others: readonly HostUuid[]
}

/**
 * Tells the workers of this host which others are proven to be off: a holder that neither the witness nor its peer confirms goes on when
 * nobody is left who could take its claim.
 */
export class FenceNews {
  /** Hosts of which a word may stand somewhere. */
  readonly #standing = new Set<HostUuid>()

  constructor(private readonly needs: FenceNewsNeeds) {}

  /** Once a second: a word ends by itself, and a worker that was just started has heard none. */
  turn(): void {
    for (const host of this.needs.others) this.tell(host)
  }

  /** A proof begins, lasts longer or is void. */
  tell(host: HostUuid): void {
    const { clock } = this.needs.parts
    const proof = this.needs.fencing.fenced(host)
    const [atMs, stood] = [clock.nowMs(), this.#standing.has(host)]
    if (proof !== undefined) this.#standing.add(host)
    else if (stood) this.#standing.delete(host)
    else return
    const word = proof === undefined ? { atMs, sinceMs: atMs, untilMs: atMs } : { atMs, ...proof }
    for (const { id, vm } of this.needs.fleet.specs()) if (vm !== null) void this.#ask(id, host, word)
  }

  async #ask(id: string, host: HostUuid, word: HostFenced): Promise<void> {
    try {
      await this.needs.fleet.tell(id, 'fenced', { host, word })
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.needs.parts.log.warn('a worker does not take the word on a host', { worker: id, host, why: error.message })
    }
  }
}
