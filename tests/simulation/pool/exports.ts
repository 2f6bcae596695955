import type { VolumeKey } from '../../../lib/core/domain/ids'
import type { DiskExport, DiskHandler } from '../../../lib/ports/disk-export'
import type { Process } from './process'

/** A disk that a worker serves. */
export interface Served {
  readonly process: Process
  readonly handler: DiskHandler
}

/** The disks that a machine's workers serve, as clients find them: at the same place again when a worker was started again. */
export class Exports {
  readonly #served = new Map<VolumeKey, Served>()
  /** Told of each one that comes or goes. */
  onChange: (volume: VolumeKey) => void = () => undefined

  find(volume: VolumeKey): Served | null {
    return this.#served.get(volume) ?? null
  }

  async serve(process: Process, volume: VolumeKey, handler: DiskHandler): Promise<DiskExport & { readonly socket: string }> {
    await process.within(2)
    const served = { process, handler }
    this.#served.set(volume, served)
    this.onChange(volume)
    return {
      connections: 1,
      inflight: 0,
      socket: volume,
      close: () => {
        if (this.#served.get(volume) === served) this.#remove(volume)
        return process.within(1)
      },
    }
  }

  died({ life }: Process): void {
    for (const [volume, { process }] of [...this.#served]) if (process.life === life) this.#remove(volume)
  }

  #remove(volume: VolumeKey): void {
    this.#served.delete(volume)
    this.onChange(volume)
  }
}
