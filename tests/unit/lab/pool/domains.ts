import type { DomainEnd, DomainManager, DomainSpec, DomainState } from '../../../../lib/lab/contract'

/** A machine room that only keeps states, for the parts above it. */
export class StateDomains implements DomainManager {
  private last = 0
  private listener: (domid: number, vmUuid: string, end: DomainEnd) => void = () => undefined
  readonly running = new Map<number, { spec: DomainSpec; paused: boolean }>()
  /** What was asked of it, in order. */
  readonly log: string[] = []
  /** Set to keep guests from obeying a shutdown: it is waited for until the domain is gone. */
  deaf = false
  /** Set to have every shutdown end as one that took too long. */
  slow = false

  reserve(): Promise<number> {
    return Promise.resolve(++this.last)
  }
  create(spec: DomainSpec, domid = ++this.last): Promise<number> {
    this.log.push(`create ${spec.name}`)
    this.running.set(domid, { spec, paused: true })
    return Promise.resolve(domid)
  }
  unpause(domid: number): Promise<void> {
    return this.change(domid, 'unpause', false)
  }
  pause(domid: number): Promise<void> {
    return this.change(domid, 'pause', true)
  }
  async shutdown(domid: number): Promise<void> {
    this.log.push('shutdown')
    if (this.slow) throw new Error(`domain ${domid} did not power off`)
    while (this.deaf && this.running.has(domid)) await new Promise((resume) => setImmediate(resume))
    this.running.delete(domid)
  }
  destroy(domid: number): Promise<void> {
    this.log.push('destroy')
    this.running.delete(domid)
    return Promise.resolve()
  }
  plugDisk(_domid: number, disk: DomainSpec['disks'][number]): Promise<void> {
    this.log.push(`plug disk ${disk.userdevice} ${disk.source.kind}`)
    return Promise.resolve()
  }
  unplugDisk(_domid: number, userdevice: string): Promise<void> {
    this.log.push(`unplug disk ${userdevice}`)
    return Promise.resolve()
  }
  plugNic(_domid: number, nic: DomainSpec['nics'][number]): Promise<void> {
    this.log.push(`plug nic ${nic.device} ${nic.bridge}`)
    return Promise.resolve()
  }
  unplugNic(_domid: number, device: string): Promise<void> {
    this.log.push(`unplug nic ${device}`)
    return Promise.resolve()
  }
  list(): Promise<readonly DomainState[]> {
    return Promise.resolve([...this.running].map(([domid, { spec, paused }]) => ({ domid, vmUuid: spec.vmUuid, paused })))
  }
  onEnd(listener: (domid: number, vmUuid: string, end: DomainEnd) => void): void {
    this.listener = listener
  }

  /** The guest ends by itself. */
  end(domid: number, how: DomainEnd): void {
    const domain = this.running.get(domid)
    if (domain === undefined) throw new Error(`no domain ${domid}`)
    if (how !== 'reboot') this.running.delete(domid)
    this.listener(domid, domain.spec.vmUuid, how)
  }

  private change(domid: number, what: string, paused: boolean): Promise<void> {
    const domain = this.running.get(domid)
    if (domain === undefined) throw new Error(`no domain ${domid}`)
    this.log.push(what)
    domain.paused = paused
    return Promise.resolve()
  }
}
