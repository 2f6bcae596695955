/** Domains that are nothing but their state: every guest boots at once, obeys every request and does nothing else. */
import { setTimeout as delay } from 'node:timers/promises'
import type { DomainManager, DomainSpec, DomainState } from '../../contract'

interface Simulated extends DomainState {
  paused: boolean
}

export class SimulatedDomains implements DomainManager {
  private readonly domains = new Map<number, Simulated>()
  private lastDomid = 0

  /** What building, shutting down or destroying a domain takes, in ms. */
  constructor(private readonly takesMs: number) {}

  reserve(): Promise<number> {
    return Promise.resolve(++this.lastDomid)
  }

  async create({ vmUuid }: DomainSpec, domid: number = ++this.lastDomid): Promise<number> {
    await this.take()
    this.domains.set(domid, { domid, vmUuid, paused: true })
    return domid
  }

  unpause(domid: number): Promise<void> {
    return this.setPaused(domid, false)
  }

  pause(domid: number): Promise<void> {
    return this.setPaused(domid, true)
  }

  shutdown(domid: number): Promise<void> {
    return this.destroy(domid)
  }

  async destroy(domid: number): Promise<void> {
    await this.take()
    this.domains.delete(domid)
  }

  plugDisk(): Promise<void> {
    return Promise.resolve()
  }

  unplugDisk(): Promise<void> {
    return Promise.resolve()
  }

  plugNic(): Promise<void> {
    return Promise.resolve()
  }

  unplugNic(): Promise<void> {
    return Promise.resolve()
  }

  list(): Promise<readonly DomainState[]> {
    return Promise.resolve([...this.domains.values()])
  }

  onEnd(): void {
    // No guest ever ends by itself here.
  }

  /** The host lost its power. */
  clear(): void {
    this.domains.clear()
  }

  private async take(): Promise<void> {
    if (this.takesMs > 0) await delay(this.takesMs)
  }

  private async setPaused(domid: number, paused: boolean): Promise<void> {
    await this.take()
    const domain = this.domains.get(domid)
    if (domain === undefined) throw new Error(`no domain ${domid}`)
    domain.paused = paused
  }
}
