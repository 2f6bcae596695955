import type { DomainLikeness, Standby, StandbyManager, StandbyState, StandbyWish } from '../../contract'
import { isWaiting, type DomainRecord, type DomainStore } from './domain-store'
import type { Monitors } from './monitors'
import { isAlive } from './process-identity'

/** Making and ending machines is the domain manager's. */
export interface StandbyParts {
  build(likeness: DomainLikeness, wish: StandbyWish): Promise<number>
  destroy(domid: number): Promise<void>
}

/** Machines that stand by, in the same records as domains. */
export class Standbys implements StandbyManager {
  constructor(
    private readonly store: DomainStore,
    private readonly monitors: Monitors,
    private readonly parts: StandbyParts,
  ) {}

  async likenessOf(domid: number): Promise<DomainLikeness> {
    const { spec, slots } = await this.store.live(domid)
    return { spec, slots }
  }

  async prepare(likeness: DomainLikeness, wish: StandbyWish): Promise<Standby> {
    const domid = await this.parts.build(likeness, wish)
    const { checkpoint, memory } = this.monitors.files(domid)
    const { vmUuid } = likeness.spec
    return { domid, vmUuid, ...wish, state: 'waiting', monitor: checkpoint, memoryFile: memory }
  }

  async arrive(domid: number): Promise<void> {
    const record = await this.store.live(domid)
    if (!isWaiting(record)) return
    const { standby } = record
    await this.store.save({ ...record, ...(standby !== undefined && { standby: { ...standby, state: 'arrived' } }) })
  }

  async settle(domid: number): Promise<void> {
    const record = await this.store.read(domid)
    if (record === null || isWaiting(record)) return
    const { domid: id, spec, slots, process, destroyed, ended } = record
    await this.store.save({ domid: id, spec, slots, process, destroyed, ended })
  }

  async end(domid: number): Promise<string | null> {
    const record = await this.store.read(domid)
    if (record === null) return null
    if (!isWaiting(record)) throw new Error(`domain ${domid} does not stand by any more`)
    if (!record.ended && (await isAlive(record.process))) await this.parts.destroy(domid)
    return record.spec.vmUuid
  }

  async list(): Promise<readonly StandbyState[]> {
    const states = await Promise.all((await this.store.current()).map((record) => stateOf(record)))
    return states.filter((state) => state !== null)
  }
}

async function stateOf({ domid, spec, process, standby }: DomainRecord): Promise<StandbyState | null> {
  return standby === undefined || !(await isAlive(process)) ? null : { domid, vmUuid: spec.vmUuid, ...standby }
}
