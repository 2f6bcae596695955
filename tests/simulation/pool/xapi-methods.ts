import type { HostUuid, VmUuid } from '../../../lib/core/domain/ids'
import { XapiFailure, type XapiValue } from '../../../lib/ports/xapi'
import type { Machine } from './machine'
import { nameOf, POOL } from './names'
import type { Process } from './process'
import type { Database, VmRow } from './xapi-database'

const WORK_MS = 20
/** How long a host that does not answer is waited for. */
const PROBE_MS = 800
/** A request to a host that is gone ends. */
const LOST_AFTER_MS = 2000
const NULL_REF = 'OpaqueRef:NULL'

/** What a coordinator does when it is asked. */
export class XapiMethods {
  #operations = 0

  constructor(
    private readonly process: Process,
    private readonly machine: Machine,
  ) {}

  async run(method: string, args: readonly XapiValue[]): Promise<XapiValue> {
    await this.process.within(WORK_MS)
    const [first, second, third] = args.map(String)
    switch (method) {
      case 'pool.get_all_records':
        return { [POOL]: { master: this.machine.xapi.office.coordinator } }
      case 'host.get_uuid':
        return first ?? ''
      case 'VM.get_record': {
        const { powerState, residentOn, operations } = this.#row(method, first)
        return {
          power_state: powerState,
          resident_on: residentOn ?? NULL_REF,
          current_operations: Object.fromEntries(operations),
        }
      }
      case 'VM.power_state_reset':
        return this.#reset(method, this.#row(method, first))
      case 'VM.start_on':
        return this.#startOn(method, first as VmUuid, this.#row(method, first), second as HostUuid)
      case 'VM.clean_shutdown':
        return this.#shutDown(method, first as VmUuid, this.#row(method, first))
      case 'VM.set_affinity':
        this.#row(method, first).affinity = second as HostUuid
        return ''
      case 'VM.remove_from_other_config':
        this.#row(method, first).otherConfig.delete(second ?? '')
        return ''
      case 'VM.add_to_other_config':
        this.#row(method, first).otherConfig.set(second ?? '', third ?? '')
        return ''
      case 'pool.sync_database':
        for (const { xapi } of this.#members()) xapi.database = this.#database.copy()
        return ''
      case 'pool.recover_slaves':
        for (const { xapi } of this.#members()) xapi.obey(this.machine.xapi.office)
        return []
      case 'task.get_all_records':
        return {}
      default:
        return 'OpaqueRef:1'
    }
  }

  get #database(): Database {
    return this.machine.xapi.database
  }

  #members(): readonly Machine[] {
    const { world } = this.machine
    return world.machines.filter((each) => each !== this.machine && each.xapi.isUp && world.air.reaches(this.machine, each))
  }

  #row(method: string, vm: string | undefined): VmRow {
    const row = this.#database.vms.get(vm as VmUuid)
    if (row === undefined) throw new XapiFailure('xapi-error', method, 'UUID_INVALID', ['VM', vm ?? ''])
    return row
  }

  async #reset(method: string, row: VmRow): Promise<XapiValue> {
    const { world } = this.machine
    if (row.residentOn !== null) {
      const host = world.machine(nameOf(row.residentOn))
      if (host === this.machine) {
        if (host.domains.has(row.domid)) throw new XapiFailure('xapi-error', method, 'DOMAIN_EXISTS')
      } else if (world.air.reaches(this.machine, host) && host.xapi.isUp)
        throw new XapiFailure('xapi-error', method, 'HOST_IS_LIVE')
      else await this.process.within(PROBE_MS)
    }
    Object.assign(row, { powerState: 'Halted', residentOn: null, domid: '-1' })
    return ''
  }

  async #startOn(method: string, vm: VmUuid, row: VmRow, host: HostUuid): Promise<XapiValue> {
    const fail = (code: string): XapiFailure => new XapiFailure('xapi-error', method, code)
    if (row.operations.size > 0) throw fail('OTHER_OPERATION_IN_PROGRESS')
    if (row.powerState !== 'Halted') throw fail('VM_BAD_POWER_STATE')
    const { world } = this.machine
    const target = world.machine(nameOf(host))
    const operation = `start${++this.#operations}`
    row.operations.set(operation, 'start_on')
    try {
      if (!world.air.reaches(this.machine, target) || !target.xapi.isUp) throw fail('CANNOT_CONTACT_HOST')
      const domid = await this.#doneBy(target, target.toolstack.startVm(vm))
      if (domid === null) throw fail('SR_BACKEND_FAILURE')
      Object.assign(row, { powerState: 'Running', residentOn: host, domid })
      return ''
    } finally {
      row.operations.delete(operation)
    }
  }

  async #shutDown(method: string, vm: VmUuid, row: VmRow): Promise<XapiValue> {
    const fail = (code: string): XapiFailure => new XapiFailure('xapi-error', method, code)
    if (row.operations.size > 0) throw fail('OTHER_OPERATION_IN_PROGRESS')
    if (row.powerState !== 'Running' || row.residentOn === null) throw fail('VM_BAD_POWER_STATE')
    const { world } = this.machine
    const target = world.machine(nameOf(row.residentOn))
    const operation = `stop${++this.#operations}`
    row.operations.set(operation, 'clean_shutdown')
    try {
      if (!world.air.reaches(this.machine, target) || !target.xapi.isUp) throw fail('CANNOT_CONTACT_HOST')
      if ((await this.#doneBy(target, target.toolstack.shutDownVm(vm))) !== true) throw fail('VM_FAILED_SHUTDOWN_ACK')
      Object.assign(row, { powerState: 'Halted', residentOn: null, domid: '-1' })
      return ''
    } finally {
      row.operations.delete(operation)
    }
  }

  /** Null also when the host is lost meanwhile: what becomes of it there is not known. */
  #doneBy<T>(target: Machine, work: Promise<T>): Promise<T | null> {
    const { life } = target
    const { air } = this.machine.world
    return this.process.heard<T | null>((done) => {
      void work.then((answer) => {
        look.stop()
        done(answer)
      })
      const look = this.process.timers.every(LOST_AFTER_MS, () => {
        if (target.life === life && life.alive && air.reaches(this.machine, target)) return
        look.stop()
        done(null)
      })
    })
  }
}
