import type { DomainEnd } from '../../contract'
import { nicDeviceOf, tapName } from './arguments'
import { clearAbandoned } from './abandoned'
import { isWaiting, type DomainRecord, type DomainStore } from './domain-store'
import { endFrom } from './end'
import { eventsIn } from './event-record'
import type { Monitors } from './monitors'
import { goneWithin, isAlive, killAndWait } from './process-identity'
import type { Qmp } from './qmp'
import { removeTap } from './tap'

/** A machine whose monitor closed has this long to be gone by itself. */
const LINGER_MS = 5_000

export type EndListener = (domid: number, vmUuid: string, end: DomainEnd) => void

/** Sees how domains end, tells of those that nobody here ended, and clears up after all of them. */
export class Ends {
  readonly #listeners: EndListener[] = []
  readonly #watches = new Map<number, Qmp>()
  readonly #ourDoing = new Set<number>()
  #closed = false

  constructor(
    private readonly store: DomainStore,
    private readonly monitors: Monitors,
  ) {}

  /** The first listener makes this process the one that watches. */
  onEnd(listener: EndListener): void {
    this.#listeners.push(listener)
    if (this.#listeners.length === 1) void this.#adopt()
  }

  async watch(record: DomainRecord): Promise<void> {
    const watch = await this.monitors.watch(record.domid)
    this.#watches.set(record.domid, watch)
    void watch.closed.then(async () => {
      this.#watches.delete(record.domid)
      if (!this.#closed) await this.#ended(record)
    })
  }

  /** From now on the end of this domain is ours and no news. */
  expect(domid: number): void {
    this.#ourDoing.add(domid)
  }

  expectNoMore(domid: number): void {
    this.#ourDoing.delete(domid)
  }

  /** Whoever does not watch leaves the record, so that the one who does can tell of the end. */
  async bury(record: DomainRecord): Promise<void> {
    for (const slot of record.slots) {
      const nic = slot === null ? null : nicDeviceOf(slot)
      if (nic !== null) await removeTap(tapName(record.domid, nic))
    }
    await this.monitors.sweep(record.domid)
    if (this.#listeners.length === 0 && !this.#watches.has(record.domid)) return
    await this.store.save({ ...record, ended: true })
    await this.store.prune()
  }

  close(): void {
    this.#closed = true
    for (const watch of this.#watches.values()) watch.close()
  }

  /** Takes over what another process of this host started, and tells of what ended while nobody watched. */
  async #adopt(): Promise<void> {
    await clearAbandoned(this.store, this.monitors)
    for (const record of await this.store.current()) {
      if (this.#watches.has(record.domid) || this.#ourDoing.has(record.domid)) continue
      if (await isAlive(record.process)) await this.watch(record)
      else await this.#ended(record)
    }
  }

  async #ended({ domid, process, spec }: DomainRecord): Promise<void> {
    if (this.#ourDoing.has(domid)) return
    if (!(await goneWithin(process, LINGER_MS))) await killAndWait(process)
    const record = await this.store.read(domid)
    if (record === null) return
    // Destroyed by another program of the host: for the toolstack that is a machine that is simply gone.
    const end = record.destroyed ? 'shutdown' : endFrom(await eventsIn(this.store.path(domid, 'events.log')))
    await this.bury(record)
    // One that stood by was nobody's guest.
    if (isWaiting(record)) return
    for (const listener of this.#listeners) listener(domid, spec.vmUuid, end)
  }
}
