import { Refusal } from '../../core/domain/errors'
import type { HostUuid, SrUuid, VmUuid, VolumeKey } from '../../core/domain/ids'
import { srUuid } from '../../core/domain/ids'
import { decidedVersion, type VolumeRecord } from '../../core/domain/volume'
import type { VolumeStore } from '../../ports/volume-store'
import type { HostParts } from './parts'

/** A peer that is up answers in milliseconds; one that is not learns of the change when it is back. */
const PUSH_LIMIT_MS = 1500

export type RecordChange = Partial<Omit<VolumeRecord, 'key' | 'sr' | 'version' | 'author'>>

/**
 * Every volume of every attached Holdfast SR, the same on each host: a change is stored here, told to the others, and told again
 * to whoever was away. The higher version of a record wins.
 */
export class Catalogue {
  readonly #records = new Map<VolumeKey, VolumeRecord>()
  readonly #stores = new Map<SrUuid, VolumeStore>()

  constructor(private readonly parts: HostParts) {}

  async open(): Promise<void> {
    for (const { sr, path } of this.parts.srs.list()) await this.attach(srUuid(sr), path)
  }

  async attach(sr: SrUuid, path: string): Promise<void> {
    if (this.#stores.has(sr)) return
    const store = this.parts.srs.open(path)
    this.#stores.set(sr, store)
    for (const record of await store.load()) this.#merge(record)
    // What peers told while the folder was not attached yet.
    await this.giveBack(sr)
    await Promise.all(this.#peers().map((host) => this.reconcile(host)))
  }

  detach(sr: SrUuid): void {
    this.#stores.delete(sr)
    for (const { key, sr: of } of this.#records.values()) if (of === sr) this.#records.delete(key)
  }

  get srs(): SrUuid[] {
    return [...this.#stores.keys()]
  }

  store(sr: string): VolumeStore {
    const store = this.#stores.get(sr as SrUuid)
    if (store === undefined) throw new Refusal('HOLDFAST_NO_SUCH_SR', { sr: sr.slice(0, 80) })
    return store
  }

  storeOf(record: VolumeRecord): VolumeStore {
    return this.store(record.sr)
  }

  get(key: string): VolumeRecord {
    const record = this.#records.get(key as VolumeKey)
    if (record === undefined || record.deleted)
      throw new Refusal('HOLDFAST_NO_SUCH_VOLUME', { volume: key.slice(0, 80), sr: 'attached here' })
    return record
  }

  find(key: string | null): VolumeRecord | undefined {
    const record = key === null ? undefined : this.#records.get(key as VolumeKey)
    return record?.deleted === true ? undefined : record
  }

  /** Also one that is deleted. */
  hasHeardOf(key: VolumeKey): boolean {
    return this.#records.has(key)
  }

  /** Living records, of one SR when it is named. */
  list(sr?: string): VolumeRecord[] {
    return [...this.#records.values()].filter((record) => !record.deleted && (sr === undefined || record.sr === sr))
  }

  ofVm(vm: VmUuid): VolumeRecord[] {
    return this.list().filter((record) => record.vm === vm)
  }

  protectedVms(): VmUuid[] {
    return [...new Set(this.list().flatMap(({ vm }) => (vm === null ? [] : [vm])))]
  }

  /** With tombstones: what another host must know. */
  all(): VolumeRecord[] {
    return [...this.#records.values()]
  }

  async add(record: Omit<VolumeRecord, 'version' | 'author'>): Promise<VolumeRecord> {
    const first = { ...record, version: 1, author: this.parts.host }
    await this.#keep(first)
    await this.#push([first])
    return first
  }

  change(key: VolumeKey, change: RecordChange): Promise<VolumeRecord> {
    return this.#changed(key, change, (version) => version + 1)
  }

  /** What its VM's protection is, and whose bytes count: for the holder of the claim alone. `term`: see `decidedVersion`. */
  decide(key: VolumeKey, change: RecordChange, term: number): Promise<VolumeRecord> {
    return this.#changed(key, change, (version) => decidedVersion(version, term))
  }

  async #changed(key: VolumeKey, change: RecordChange, next: (version: number) => number): Promise<VolumeRecord> {
    const before = this.get(key)
    const after = { ...before, ...change, version: next(before.version), author: this.parts.host }
    await this.#keep(after)
    await this.#push([after])
    return after
  }

  async #keep(record: VolumeRecord): Promise<void> {
    this.#records.set(record.key, record)
    await this.#store(record)
  }

  async #store(record: VolumeRecord): Promise<void> {
    const store = this.#stores.get(record.sr)
    try {
      await store?.save(record)
    } catch (error) {
      // The record lives on in memory and at the peers, which give it back to a repaired disk.
      this.parts.log.warn('catalogue record not written', { volume: record.key, error: String(error) })
    }
  }

  /** A disk that was replaced lacks the records of its SR. */
  async giveBack(sr: SrUuid): Promise<void> {
    for (const record of this.#records.values()) if (record.sr === sr) await this.#store(record)
  }

  async #push(list: readonly VolumeRecord[]): Promise<void> {
    await Promise.all(this.#peers().map((host) => this.#exchange(host, list)))
  }

  /** With a host that is heard again: each gives what it has. Why that could not be; null when it was. */
  reconcile(host: HostUuid): Promise<Refusal | null> {
    return this.#exchange(host, this.all())
  }

  async #exchange(host: HostUuid, list: readonly VolumeRecord[]): Promise<Refusal | null> {
    try {
      const answer = await this.parts.askPeer(host, 'peer-catalogue', { records: { list } }, PUSH_LIMIT_MS)
      await this.receive(answer.list)
      return null
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.parts.log.debug('catalogue not exchanged', { host, why: error.message })
      return error
    }
  }

  #peers(): HostUuid[] {
    return (Object.keys(this.parts.config.hosts) as HostUuid[]).filter((host) => host !== this.parts.host)
  }

  async receive(list: readonly VolumeRecord[]): Promise<void> {
    for (const record of list) {
      if (!this.#merge(record)) continue
      await this.#store(record)
      if (record.deleted) await this.#dropHere(record)
    }
  }

  async #dropHere(record: VolumeRecord): Promise<void> {
    try {
      await this.#stores.get(record.sr)?.dropReplica(record.key)
    } catch (error) {
      this.parts.log.warn('replica of a deleted volume not removed', { volume: record.key, error: String(error) })
    }
  }

  #merge(record: VolumeRecord): boolean {
    const known = this.#records.get(record.key)
    const newer =
      known === undefined || record.version > known.version || (record.version === known.version && record.author > known.author)
    if (newer) this.#records.set(record.key, record)
    return newer
  }
}
