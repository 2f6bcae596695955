import type { HostUuid, VmUuid } from '../../core/domain/ids'
import { XapiFailure, type XapiValue } from '../../ports/xapi'
import type { WorkerStatus } from '../../wire/worker-api'
import type { Fleet } from './fleet'
import { hostNameOf, vmNameOf } from './names'
import type { HostParts } from './parts'

const WRITE_MS = 3000
/** Marks a task as one of this host's, so that the next daemon knows those that this one left pending. */
const OWNER_KEY = 'holdfast-resync-of'

interface Shown {
  readonly ref: string
  fraction: number
}

/** Each resync of a VM that runs on this host is a task of XAPI, for XenCenter and `xe task-list`. */
export class ResyncTasks {
  readonly #shown = new Map<VmUuid, Shown>()
  #cleared = false
  #busy = false

  constructor(
    private readonly parts: HostParts,
    private readonly fleet: Fleet,
  ) {}

  async turn(): Promise<void> {
    if (this.#busy || !this.parts.xapi.reachable) return
    this.#busy = true
    try {
      if (!this.#cleared) await this.#clear()
      this.#cleared = true
      const mirrored = this.fleet.specs().flatMap(({ id, vm }) => (vm === null ? [] : [{ id, vm }]))
      for (const { id, vm } of mirrored) await this.#show(vm, await this.fleet.status(id))
      for (const [vm, { ref }] of this.#shown) {
        if (mirrored.some((each) => each.vm === vm)) continue
        // Unprotected while it was copied.
        this.#shown.delete(vm)
        await this.#end(ref, 'cancelled')
      }
    } catch (error) {
      if (!(error instanceof XapiFailure)) throw error
      this.parts.log.debug('XAPI does not show a resync yet', { failure: error.message })
    } finally {
      this.#busy = false
    }
  }

  async #show(vm: VmUuid, status: WorkerStatus | null): Promise<void> {
    if (status === null) return
    const running = status.volumes.flatMap(({ resync }) => resync ?? [])
    const shown = this.#shown.get(vm)
    const [first] = running
    if (first === undefined) {
      if (shown === undefined) return
      this.#shown.delete(vm)
      // One that was interrupted is not done, and another one will follow.
      await this.#end(shown.ref, status.degraded === '' && status.role === 'primary' ? 'success' : 'cancelled')
      return
    }
    const done = running.reduce((sum, { doneBytes }) => sum + doneBytes, 0)
    const all = running.reduce((sum, { totalBytes }) => sum + totalBytes, 0)
    const fraction = all === 0 ? 0 : Math.floor((100 * done) / all) / 100
    if (shown === undefined)
      this.#shown.set(vm, { ref: await this.#begin(vm, hostNameOf(this.parts, first.target as HostUuid)), fraction: 0 })
    else if (shown.fraction !== fraction) {
      shown.fraction = fraction
      await this.#call('task.set_progress', [shown.ref, fraction])
    }
  }

  async #begin(vm: VmUuid, target: string): Promise<string> {
    const name = vmNameOf(this.parts, vm)
    const description = `The disks of ${name} are brought up to date on ${target}.`
    const ref = await this.#call('task.create', [`Holdfast: resync of ${name}`, description])
    if (typeof ref !== 'string') throw new XapiFailure('xapi-error', 'task.create', 'NO_REFERENCE')
    await this.#call('task.add_to_other_config', [ref, OWNER_KEY, `${this.parts.host} ${vm}`])
    return ref
  }

  async #end(ref: string, status: 'success' | 'cancelled'): Promise<void> {
    if (status === 'success') await this.#call('task.set_progress', [ref, 1])
    await this.#call('task.set_status', [ref, status])
  }

  /** Those that an earlier daemon of this host left. */
  async #clear(): Promise<void> {
    const records = await this.#call('task.get_all_records', [])
    for (const [ref, task] of Object.entries(isRecord(records) ? records : {})) {
      if (!isRecord(task) || task['status'] !== 'pending') continue
      const config = task['other_config']
      const owner = isRecord(config) ? config[OWNER_KEY] : undefined
      if (typeof owner === 'string' && owner.startsWith(this.parts.host)) await this.#end(ref, 'cancelled')
    }
  }

  #call(method: string, args: readonly XapiValue[]): Promise<XapiValue> {
    return this.parts.xapi.call(method, args, { deadlineMs: WRITE_MS })
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, XapiValue>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
