import type { VmUuid } from '../../../lib/core/domain/ids'
import type { DaemonApi } from '../../../lib/wire/daemon-api'
import { must } from '../mirror/must'
import type { Domain } from './domain'
import { failure } from './failure'
import { Guest } from './guest'
import type { Machine } from './machine'
import { Process } from './process'
import { unlessRefused } from './unless-refused'
import type { Vm } from './vm'

const DATAPATH_MS = 20_000
/** A guest's devices and its firmware. */
const BUILD_MS = 1000
const PUT_AWAY_MS = 1000
const SHUT_DOWN_MS = 10_000

/** What builds domains on a host, by the contracts that XAPI has with hooks and storage; as long as the machine is on. */
export class Toolstack {
  readonly #process: Process

  constructor(private readonly machine: Machine) {
    this.#process = new Process(machine.world, machine, machine.life)
  }

  /** Null when the hook or the storage did not want to, or the domain was ended while it was being built. */
  async startVm(uuid: VmUuid): Promise<string | null> {
    const { machine } = this
    const { world, domains } = machine
    const vm = must(
      world.vms.find((each) => each.uuid === uuid),
      'XAPI knows the VMs there are',
    )
    if ([...domains.values()].some((domain) => domain.vm === vm)) return null
    const domid = machine.nextDomid()
    const domain: Domain = { domid, vm, guest: null, letGoAtMs: -Infinity, pauses: 0 }
    domains.set(domid, domain)
    const isServed = (await unlessRefused(this.#diskFor(vm, domid))) === true
    if (isServed) await this.#process.within(BUILD_MS)
    if (domains.get(domid) !== domain) return null
    const holdsClaim = vm.holder === machine.name
    if (!isServed || !holdsClaim) {
      if (isServed) world.probe('started where the claim had just been')
      domains.delete(domid)
      this.#putAway(vm, domid)
      return null
    }
    domain.letGoAtMs = machine.nowMs
    domain.guest = new Guest(vm, machine, vm.nextGuest())
    if (domain.pauses > 0) domain.guest.pause(true)
    domain.guest.attach()
    return domid
  }

  /** False when it does not run here, or does not want to end. */
  async shutDownVm(uuid: VmUuid): Promise<boolean> {
    const found = [...this.machine.domains.values()].find(({ vm }) => vm.uuid === uuid)
    if (found?.guest == null || !(await found.guest.shutDown(SHUT_DOWN_MS))) return false
    this.machine.domains.delete(found.domid)
    this.#putAway(found.vm, found.domid)
    return true
  }

  async #diskFor(vm: Vm, domain: string): Promise<boolean> {
    const { goOn } = await this.#ask('hook', { hook: 'vm-pre-start', vm: vm.uuid, host: this.machine.uuid, reason: 'clean' })
    if (!goOn) return false
    await this.#ask('datapath-attach', { volume: vm.volume, domain })
    await this.#ask('datapath-activate', { volume: vm.volume, domain })
    return true
  }

  #putAway(vm: Vm, domain: string): void {
    const volume = { volume: vm.volume, domain }
    void unlessRefused(this.#process.within(PUT_AWAY_MS).then(() => this.#ask('datapath-deactivate', volume))).then(() =>
      unlessRefused(this.#ask('datapath-detach', volume)),
    )
  }

  async #ask<F extends keyof DaemonApi>(fn: F, ask: DaemonApi[F]['ask']): Promise<DaemonApi[F]['answer']> {
    const { daemon } = this.machine
    if (daemon === null) throw failure('ECONNREFUSED')
    return daemon.ask(this.#process, fn, ask, DATAPATH_MS)
  }
}
