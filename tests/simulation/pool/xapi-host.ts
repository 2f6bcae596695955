import type { HostUuid } from '../../../lib/core/domain/ids'
import type { PoolInventory } from '../../../lib/core/domain/inventory'
import { type XapiArgument, XapiFailure, type XapiObject, type XapiValue } from '../../../lib/ports/xapi'
import { must } from '../mirror/must'
import type { Machine } from './machine'
import { hostOf, nameOf } from './names'
import { Process } from './process'
import { Database } from './xapi-database'
import { XapiMethods } from './xapi-methods'

const START_MS = { first: 300, more: 1700 } as const
/** Of what starts: how much sooner it is there in the beginning. */
const YOUNG = 0.1
const LATENCY_MS = 10
/** A coordinator that has a successor finds out so soon after it can. */
const FIND_OUT_MS = 2000
const LOOK_MS = 500

/** Who is the coordinator, as one host has it written down. A later reign wins. */
interface Office {
  readonly coordinator: HostUuid
  readonly reign: number
}

/** A host's XAPI: the coordinator with the database, or a member that sends what it is asked to the coordinator. */
export class XapiHost {
  /** On the disk. */
  office: Office = { coordinator: hostOf('a'), reign: 1 }
  database = new Database()
  #process: Process | null = null
  #methods: XapiMethods | null = null

  constructor(private readonly machine: Machine) {}

  get isUp(): boolean {
    return this.#process !== null
  }

  get isCoordinator(): boolean {
    return this.office.coordinator === this.machine.uuid
  }

  get process(): Process {
    return must(this.#process, 'a XAPI that is asked is up')
  }

  /** After the machine is switched on, or after its end. */
  start(): void {
    const { world, life } = this.machine
    world.schedule.after(
      (world.isYoung ? 0 : START_MS.first) + world.dice.fraction() * START_MS.more * (world.isYoung ? YOUNG : 1),
      () => {
        if (this.#process !== null) return
        const process = new Process(world, this.machine)
        this.#process = process
        for (const { operations } of this.database.vms.values()) operations.clear()
        this.#methods = new XapiMethods(process, this.machine)
        process.timers.every(LOOK_MS, () => this.#keepHouse())
        process.timers.every(FIND_OUT_MS, () => this.#findSuccessor())
        world.say(() => `${this.machine.name} xapi is up${this.isCoordinator ? ', the coordinator' : ''}`)
      },
      life,
    )
  }

  end(): void {
    if (this.#process !== null) this.#process.life.alive = false
    this.#process = this.#methods = null
  }

  restart(): void {
    this.end()
    this.start()
  }

  /** Of a coordinator that answers; null when there is none. */
  view(): PoolInventory | null {
    const coordinator = this.#coordinator()
    if (!this.isUp || coordinator === null) return null
    const { world } = this.machine
    const hosts = world.machines.map(({ uuid }) => uuid)
    return coordinator.xapi.database.inventory(coordinator.uuid, hosts, world.vms)
  }

  /** The machine of the coordinator, if it can be asked from here. */
  #coordinator(): Machine | null {
    const { world } = this.machine
    const machine = world.machine(nameOf(this.office.coordinator))
    if (!machine.xapi.isUp || !machine.xapi.isCoordinator || !world.air.reaches(this.machine, machine)) return null
    return machine
  }

  async call(method: string, args: readonly XapiArgument[]): Promise<XapiValue> {
    this.#assertUp(method)
    const { world } = this.machine
    await this.process.within(LATENCY_MS)
    // Nobody answers, for as long as anybody waits.
    if (world.dice.chance(world.xapiSilence)) return new Promise(() => undefined)
    const coordinator = this.#coordinator()
    if (coordinator === null) return new Promise(() => undefined)
    const { xapi } = coordinator
    const answered = await must(xapi.#methods, 'it is up')
      .run(method, args.map(plain))
      .then(
        (answer) => ({ answer }),
        (error: unknown) => ({ error }),
      )
    if (!world.air.reaches(coordinator, this.machine) || world.dice.chance(world.xapiSilence)) return new Promise(() => undefined)
    if ('error' in answered) throw answered.error
    return answered.answer
  }

  /** What is asked of this host's own, without the coordinator. */
  async locally(method: string): Promise<XapiValue> {
    this.#assertUp(method)
    await this.process.within(LATENCY_MS)
    if (method !== 'pool.emergency_transition_to_master') throw new XapiFailure('xapi-error', method, 'MESSAGE_METHOD_UNKNOWN')
    if (this.isCoordinator) return ''
    this.machine.world.promoted(this.machine)
    this.office = { coordinator: this.machine.uuid, reign: this.office.reign + 1 }
    this.restart()
    return ''
  }

  /** A member is told who the coordinator is now. */
  obey(office: Office): void {
    if (office.reign <= this.office.reign) return
    this.machine.world.say(() => `${this.machine.name} xapi obeys ${nameOf(office.coordinator)}`)
    this.office = office
    this.restart()
  }

  #assertUp(method: string): void {
    if (!this.isUp) throw new XapiFailure('xapi-down', method, 'ECONNREFUSED')
  }

  /** Plugs the SR, and tells the coordinator which of the host's VMs do not run. */
  #keepHouse(): void {
    const { machine } = this
    const coordinator = this.#coordinator()
    if (coordinator === null) return
    machine.plugStorage(this.process)
    const rows = coordinator.xapi.database.vms
    for (const [vm, row] of rows) {
      if (row.operations.size > 0) continue
      const domain = [...machine.domains.values()].find((each) => each.vm.uuid === vm && each.guest !== null)
      if (row.powerState === 'Halted' && domain !== undefined)
        Object.assign(row, { powerState: 'Running', residentOn: machine.uuid, domid: domain.domid })
      if (row.residentOn !== machine.uuid || machine.domains.has(row.domid)) continue
      machine.world.say(() => `xapi: vm of ${vm} is halted: ${machine.name} has no domain ${row.domid}`)
      Object.assign(row, { powerState: 'Halted', residentOn: null, domid: '-1' })
    }
  }

  #findSuccessor(): void {
    const { world } = this.machine
    const reachable = world.machines.filter(
      (each) => each !== this.machine && each.xapi.isUp && world.air.reaches(this.machine, each),
    )
    const newest = reachable.map(({ xapi }) => xapi.office).sort((one, two) => two.reign - one.reign)[0]
    if (newest !== undefined) this.obey(newest)
  }
}

/** Objects are named by their uuids here. */
const plain = (value: XapiArgument): XapiValue => (isObject(value) ? (value.uuid ?? '') : value)

const isObject = (value: XapiArgument): value is XapiObject => typeof value === 'object' && value !== null && 'xapiClass' in value
