import { openReplica } from '../../../../lib/dom0/replica/open-replica'
import type { OpenReplica, StoredReplica } from '../../../../lib/ports/replica-store'

type Call = 'openReplica' | 'read' | 'write' | 'flush' | 'save' | 'saveHot' | 'savePages' | 'close'

/** Real replicas whose calls fail, or are held until they are let go, as the test says. */
export class FaultyReplicas {
  readonly #failing = new Map<Call, string>()
  readonly #held = new Map<Call, Promise<void>>()
  /** Those that are open now. */
  open = 0
  /** Calls that have not ended. */
  underWay = 0
  /** Calls that are held. */
  waiting = 0
  /** Each opening, with what it was asked to make. */
  readonly openings: { readonly path: string; readonly create: boolean }[] = []

  fail(call: Call, code: string): void {
    this.#failing.set(call, code)
  }

  /** Calls the answer to let them go. */
  hold(call: Call): () => void {
    let letGo = (): void => undefined
    this.#held.set(call, new Promise((resolve) => (letGo = resolve)))
    return () => {
      this.#held.delete(call)
      letGo()
    }
  }

  mend(): void {
    this.#failing.clear()
  }

  readonly opener: OpenReplica = async (volume, create) => {
    this.openings.push({ path: volume.path, create })
    await this.#pass('openReplica')
    const real = await openReplica(volume, create)
    this.open++
    return this.#around(real)
  }

  #around(real: StoredReplica): StoredReplica {
    const { device } = real
    const pass =
      <A extends unknown[]>(call: Call, act: (...args: A) => Promise<void>) =>
      async (...args: A): Promise<void> => {
        this.underWay++
        try {
          await this.#pass(call)
          await act(...args)
        } finally {
          this.underWay--
        }
      }
    return {
      get metadata() {
        return real.metadata
      },
      tracking: real.tracking,
      device: {
        sizeBytes: device.sizeBytes,
        read: pass('read', (offset, into) => device.read(offset, into)),
        write: pass('write', (offset, data) => device.write(offset, data)),
        zero: (offset, length, punch) => device.zero(offset, length, punch),
        flush: pass('flush', () => device.flush()),
        close: () => device.close(),
      },
      save: pass('save', (change) => real.save(change)),
      saveHot: pass('saveHot', (extents) => real.saveHot(extents)),
      savePages: pass('savePages', (pages) => real.savePages(pages)),
      close: pass('close', async () => {
        await real.close()
        this.open--
      }),
    }
  }

  async #pass(call: Call): Promise<void> {
    const held = this.#held.get(call)
    if (held !== undefined) {
      this.waiting++
      await held
      this.waiting--
    }
    const code = this.#failing.get(call)
    if (code !== undefined) throw Object.assign(new Error(`${call} is told to fail`), { code })
  }
}
