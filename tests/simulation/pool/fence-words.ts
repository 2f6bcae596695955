import type { HostUuid } from '../../../lib/core/domain/ids'
import type { ConfirmedOff, FenceRecord } from '../../../lib/ports/fence-record'
import type { Process } from './process'

const SAVE_MS = 5
const AT = '2026-11-23T12:00:00.000Z'

/** What operators said of other hosts, as one machine has it on its disk. */
export class FenceWords {
  readonly #words = new Map<HostUuid, ConfirmedOff>()

  of(process: Process): FenceRecord {
    return {
      read: () => [...this.#words.values()],
      save: async (host, who) => {
        await process.within(SAVE_MS)
        const word = { host, who, at: AT }
        this.#words.set(host, word)
        return word
      },
      forget: async (host) => {
        await process.within(SAVE_MS)
        this.#words.delete(host)
      },
    }
  }
}
