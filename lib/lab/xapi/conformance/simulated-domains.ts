/** Domains that are nothing but their state: every guest boots at once, obeys every request and does nothing else. */
import type { DomainManager, DomainSpec, DomainState } from '../../contract'

interface Simulated extends DomainState {
  paused: boolean
}

export class SimulatedDomains implements DomainManager {
  private readonly domains = new Map<number, Simulated>()
  private lastDomid = 0

  reserve(): Promise<number> {
    return Promise.resolve(++this.lastDomid)
  }

  create({ vmUuid }: DomainSpec, domid: number = ++this.lastDomid): Promise<number> {
    this.domains.set(domid, { domid, vmUuid, paused: true })
    return Promise.resolve(domid)
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

  destroy(domid: number): Promise<void> {
    this.domains.delete(domid)
    return Promise.resolve()
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

  private setPaused(domid: number, paused: boolean): Promise<void> {
    const domain = this.domains.get(domid)
    if (domain === undefined) return Promise.reject(new Error(`no domain ${domid}`))
    domain.paused = paused
    return Promise.resolve()
  }
}
