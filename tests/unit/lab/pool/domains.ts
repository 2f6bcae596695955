import type {
  DomainEnd,
  DomainLikeness,
  DomainManager,
  DomainSpec,
  DomainState,
  Standby,
  StandbyManager,
  StandbyWish,
} from '../../../../lib/lab/contract'

/** A machine room that only keeps states, for the parts above it. */
export class StateDomains implements DomainManager {
  private last = 0
  private listener: (domid: number, vmUuid: string, end: DomainEnd) => void = () => undefined
  readonly running = new Map<number, { spec: DomainSpec; paused: boolean }>()
  readonly standbys = new StateStandbys(this)
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

/** Machines that stand by, as no more than what they were asked to be. */
class StateStandbys implements StandbyManager {
  readonly all = new Map<number, { likeness: DomainLikeness; standby: Standby }>()
  constructor(private readonly domains: StateDomains) {}

  likenessOf(domid: number): Promise<DomainLikeness> {
    const domain = this.domains.running.get(domid)
    if (domain === undefined) throw new Error(`no domain ${domid}`)
    const { disks, nics } = domain.spec
    const ids = [...disks.map((disk) => `disk-${disk.userdevice}`), ...nics.map((nic) => `nic-${nic.device}`)]
    return Promise.resolve({ spec: domain.spec, slots: [...ids, null] })
  }
  async prepare(likeness: DomainLikeness, wish: StandbyWish): Promise<Standby> {
    const domid = await this.domains.reserve()
    const { vmUuid } = likeness.spec
    const standby = { domid, vmUuid, ...wish, state: 'waiting', monitor: `/q${domid}`, memoryFile: `/m${domid}` } as const
    this.all.set(domid, { likeness, standby })
    return standby
  }
  arrive(domid: number): Promise<void> {
    const found = this.all.get(domid)
    if (found === undefined) throw new Error(`no standby ${domid}`)
    this.all.set(domid, { ...found, standby: { ...found.standby, state: 'arrived' } })
    this.domains.running.set(domid, { spec: found.likeness.spec, paused: false })
    return Promise.resolve()
  }
  settle(domid: number): Promise<void> {
    this.all.delete(domid)
    return Promise.resolve()
  }
  end(domid: number): Promise<string | null> {
    const vm = this.all.get(domid)?.standby.vmUuid ?? null
    this.all.delete(domid)
    return Promise.resolve(vm)
  }
  list(): Promise<readonly Standby[]> {
    return Promise.resolve([...this.all.values()].map(({ standby }) => standby))
  }
}
