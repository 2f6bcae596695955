import type { VmUuid } from '../../../core/domain/ids'
import type { PlannedStep } from '../../../core/domain/plan'
import { XapiFailure, type XapiValue } from '../../../ports/xapi'
import type { HostParts } from '../parts'

const POLL_MS = 500
const CALL_MS = 10_000

export type MoveStep = Extract<PlannedStep, { step: 'move-disk' }>

export interface MoveProgress {
  readonly userdevice: string
  /** 0 to 1. */
  readonly fraction: number
  /** Empty while it goes well. */
  readonly error: string
}

/**
 * Brings the disks of a halted VM into a Holdfast SR: copies, points the VBD at the copy, and keeps the old disk, renamed, until
 * the operator removes it.
 */
export class DiskMover {
  readonly #moves = new Map<VmUuid, MoveProgress>()

  constructor(private readonly parts: HostParts) {}

  progress(vm: VmUuid): MoveProgress | undefined {
    return this.#moves.get(vm)
  }

  /** Goes on in the background; `then` protects the VM when every disk has moved. One move per VM at a time. */
  start(vm: VmUuid, steps: readonly MoveStep[], then: () => Promise<void>): void {
    if (this.#moves.get(vm)?.error === '') return
    this.#moves.set(vm, { userdevice: steps[0]?.userdevice ?? '', fraction: 0, error: '' })
    void this.#run(vm, steps, then)
  }

  async #run(vm: VmUuid, steps: readonly MoveStep[], then: () => Promise<void>): Promise<void> {
    let moved = false
    try {
      for (const step of steps) await this.#move(vm, step)
      await this.#seen(vm, steps)
      moved = true
      await then()
      this.#moves.delete(vm)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.#moves.set(vm, { userdevice: '', fraction: 0, error: text })
      this.parts.timeline.record({
        ...{ vm, act: moved ? 'protection-failed' : 'disk-move-failed', rule: moved ? 'refused-after-move' : 'xapi-failed' },
        text: moved
          ? `The disks are in the Holdfast SR, but the VM could not be protected: ${text}`
          : `A disk could not be moved into the Holdfast SR: ${text}. The VM keeps its old disks.`,
        evidence: { error: text },
      })
    }
  }

  async #move(vm: VmUuid, { userdevice, vdi, toSr }: MoveStep): Promise<void> {
    this.parts.timeline.record({
      ...{ vm, act: 'disk-move-begun', rule: 'disk-in-another-sr' },
      text: `Disk ${userdevice} is copied into the Holdfast SR.`,
      evidence: { vdi, sr: toSr },
    })
    const nothing = { xapiClass: 'VDI', uuid: null } as const
    const source = { xapiClass: 'VDI', uuid: vdi } as const
    const task = await this.#call('Async.VDI.copy', [source, { xapiClass: 'SR', uuid: toSr }, nothing, nothing])
    const copy = await this.#finished(vm, userdevice, asText(task))
    await this.#repoint(vm, userdevice, vdi, copy)
  }

  /** Reference of the copy. */
  async #finished(vm: VmUuid, userdevice: string, task: string): Promise<string> {
    for (;;) {
      const record = asRecord(await this.#call('task.get_record', [task]))
      this.#moves.set(vm, { userdevice, fraction: Number(record['progress'] ?? 0), error: '' })
      if (record['status'] === 'success') {
        await this.#call('task.destroy', [task])
        return /OpaqueRef:[0-9a-f-]+/.exec(asText(record['result'] ?? ''))?.[0] ?? ''
      }
      if (record['status'] !== 'pending') {
        const info = record['error_info']
        throw new Error(`XAPI could not copy disk ${userdevice}: ${Array.isArray(info) ? info.join(' ') : 'no reason given'}`)
      }
      await this.parts.timers.pause(POLL_MS)
    }
  }

  async #repoint(vm: VmUuid, userdevice: string, oldVdi: string, copy: string): Promise<void> {
    const self = { xapiClass: 'VDI', uuid: oldVdi } as const
    const vbds = await this.#call('VM.get_VBDs', [{ xapiClass: 'VM', uuid: vm }])
    for (const vbd of Array.isArray(vbds) ? vbds : []) {
      const record = asRecord(await this.#call('VBD.get_record', [vbd as string]))
      if (record['userdevice'] !== userdevice) continue
      const name = asText(await this.#call('VDI.get_name_label', [self]))
      await this.#call('VDI.set_name_label', [copy, name])
      await this.#call('VBD.destroy', [vbd as string])
      await this.#call('VBD.create', [{ ...record, VDI: copy }])
      await this.#call('VDI.set_name_label', [self, `${name} (before Holdfast)`])
    }
  }

  /** The view is a moment behind; the next plan must see the disks where they are now. */
  async #seen(vm: VmUuid, steps: readonly MoveStep[]): Promise<void> {
    const moved = (): boolean => {
      const disks = this.parts.xapi.inventory()?.vms.find(({ uuid }) => uuid === vm)?.disks ?? []
      return steps.every(({ userdevice, vdi }) => disks.some((disk) => disk.userdevice === userdevice && disk.vdi !== vdi))
    }
    while (!moved()) await this.parts.timers.pause(POLL_MS)
  }

  #call(method: string, args: Parameters<HostParts['xapi']['call']>[1]): Promise<XapiValue> {
    return this.parts.xapi.call(method, args, { deadlineMs: CALL_MS })
  }
}

function asRecord(value: XapiValue): Readonly<Record<string, XapiValue>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Readonly<Record<string, XapiValue>>
  throw new XapiFailure('xapi-error', 'get_record', 'not a record')
}

function asText(value: XapiValue): string {
  if (typeof value === 'string') return value
  throw new XapiFailure('xapi-error', 'get_record', 'not a text')
}
