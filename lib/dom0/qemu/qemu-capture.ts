import type { Capture, Captured, CaptureFinding } from '../../ports/capture'
import type { ChangedMemory, ChangedPages, MemoryRange } from '../../ports/changed-memory'
import { fields, flag } from '../../wire/shape'
import { openChangedMemory } from '../memory/changed-memory'
import type { NativeMemory } from '../memory/native-memory'
import { stateSaver, type SaveState } from './qemu-state'
import { QmpRefused, type QmpSession } from './qmp'
import { failure } from '../system/system-error'

/** Longer than a busy host takes for any of it; the guest is resumed afterwards, whatever happened. */
const LIMIT_MS = 5000
/** QEMU says of a migration that it is done a moment before it lets the machine go on. */
const NOT_YET = 'not finalized'

export interface QemuCaptureOptions {
  /** Of this worker alone: QEMU serves one client on a monitor. */
  readonly qmp: QmpSession
  readonly found: Extract<CaptureFinding, { can: true }>
  /** See stateSaver. */
  readonly folder: string
  /** Null: in plain Node. Default: what was built with the executable. */
  readonly native?: NativeMemory | null
}

/** Takes the states of a machine of QEMU over its monitor. */
export class QemuCapture implements Capture {
  private readonly save: SaveState

  private constructor(
    private readonly qmp: QmpSession,
    private readonly memory: ChangedMemory,
    { found, folder }: QemuCaptureOptions,
  ) {
    this.save = stateSaver(qmp, found.way, folder)
  }

  static async begin(options: QemuCaptureOptions): Promise<QemuCapture> {
    const memory = await openChangedMemory(options.found.memoryFile, options.native)
    const { sizeBytes } = memory
    if (sizeBytes !== options.found.memoryBytes) {
      await memory.close()
      throw failure('EINVAL', `a memory of ${options.found.memoryBytes} bytes has a file of ${sizeBytes}`)
    }
    return new QemuCapture(options.qmp, memory, options)
  }

  look(into: Buffer, ranges: readonly MemoryRange[] = [{ offset: 0, length: this.memory.sizeBytes }]): Promise<ChangedPages> {
    return this.memory.scan(ranges, into)
  }

  async pause(): Promise<'paused' | 'not-running'> {
    // One after the other for QEMU, and both on their way at once.
    const [status] = await Promise.all([this.qmp.execute('query-status', {}, LIMIT_MS), this.qmp.execute('stop', {}, LIMIT_MS)])
    return flag(fields(status, 'status')['running'], 'running') ? 'paused' : 'not-running'
  }

  async capture(into: Buffer): Promise<Captured> {
    // QEMU writes its state while threads of ours look at the memory.
    const [state, pages] = await Promise.allSettled([this.save(LIMIT_MS), this.look(into)])
    if (state.status === 'rejected') throw state.reason
    if (pages.status === 'rejected') throw pages.reason
    return { state: state.value, pages: pages.value }
  }

  async resume(): Promise<void> {
    for (const until = performance.now() + LIMIT_MS; ;) {
      try {
        await this.qmp.execute('cont', {}, LIMIT_MS)
        return
      } catch (error) {
        const again = error instanceof QmpRefused && error.message.includes(NOT_YET) && performance.now() < until
        if (!again) throw error
      }
    }
  }

  async end(): Promise<void> {
    this.qmp.close()
    await this.memory.close()
  }
}
