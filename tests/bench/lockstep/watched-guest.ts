import type { OpenCapture } from '../../../lib/ports/capture'
import type { HoldOutput } from '../../../lib/ports/guest-output'
import { QemuCapture } from '../../../lib/dom0/qemu/qemu-capture'
import { qemuOutput } from '../../../lib/dom0/qemu/qemu-output'
import { probeQemu } from '../../../lib/dom0/qemu/qemu-probe'
import { Qmp } from '../../../lib/dom0/qemu/qmp'
import { loadNativeMemory } from '../../../lib/dom0/memory/native-memory'

const LIMIT_MS = 10_000

/** The guest of a host, for capture and output alike: QEMU serves one client on the monitor for checkpoints. */
export class WatchedGuest {
  #held: Promise<void> = Promise.resolve()

  private constructor(
    private readonly qmp: Qmp,
    private readonly folder: string,
  ) {}

  static async open(domid: string, folder: string): Promise<WatchedGuest> {
    return new WatchedGuest(await Qmp.open(`/var/run/xen/qmp-libxl-${domid}`, LIMIT_MS), folder)
  }

  readonly capture: OpenCapture = async () => {
    const found = await probeQemu(this.qmp)
    if (!found.can) throw new Error(found.why.join('; '))
    // A capture closes its monitor in the end, which the output still needs.
    const qmp = {
      execute: (...given: Parameters<Qmp['execute']>) => this.qmp.execute(...given),
      onEvent: (...given: Parameters<Qmp['onEvent']>) => this.qmp.onEvent(...given),
      close: () => undefined,
    } as unknown as Qmp
    const capture = await QemuCapture.begin({ qmp, found, folder: this.folder, native: loadNativeMemory('/opt/lab') })
    return { capture, memoryBytes: found.memoryBytes, way: found.way }
  }

  readonly output: HoldOutput = async (events) => {
    const held = await qemuOutput({ qmp: this.qmp, folder: this.folder })(events)
    let letGo: () => void = () => undefined
    this.#held = new Promise((resolve) => (letGo = resolve))
    return {
      release: (frames) => held.release(frames),
      settled: () => held.settled(),
      end: async () => {
        await held.end()
        letGo()
      },
    }
  }

  /** Resolves when nobody holds its output. */
  free(): Promise<void> {
    return this.#held
  }
}
