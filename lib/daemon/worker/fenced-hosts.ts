import type { HostUuid } from '../../core/domain/ids'
import type { HostFenced, WorkerApi } from '../../wire/worker-api'

/** Which other hosts the daemon knows to be off. Each of its words ends by itself: a daemon that falls silent has said nothing for good. */
export class FencedHosts {
  readonly #words = new Map<HostUuid, HostFenced>()

  /** A word that comes after a later one means nothing. */
  told(host: HostUuid, word: HostFenced): void {
    if (word.atMs >= (this.#words.get(host)?.atMs ?? Number.NEGATIVE_INFINITY)) this.#words.set(host, word)
  }

  /** Those that are off at `nowMs`. What proves it was asked for after `signMs`, when one of them was last heard or this machine woke. */
  standing(nowMs: number, signMs: number): ReadonlySet<HostUuid> {
    return new Set([...this.#words].flatMap(([host, word]) => (nowMs < word.untilMs && word.sinceMs > signMs ? [host] : [])))
  }

  /** Until when all of `hosts`, of which each stands, are off unless it is said again. */
  untilMs(hosts: readonly HostUuid[]): number {
    return Math.min(...hosts.map((host) => this.#words.get(host)?.untilMs ?? Number.NEGATIVE_INFINITY))
  }
}

/** Of a worker that serves nothing the words are not kept: they are told again each second. */
export const fencedAsk = (
  serving: () => { readonly fencedHosts: FencedHosts } | null,
): { fenced: (ask: WorkerApi['fenced']['ask']) => Promise<null> } => ({
  fenced: ({ host, word }) => {
    serving()?.fencedHosts.told(host, word)
    return Promise.resolve(null)
  },
})
