import type { DiskExport } from '../../../ports/disk-export'

type Served = DiskExport & { readonly socket: string }

/** The export of a disk, at a place of which there is one: it is made again only when the one before has left it. */
export class DiskSocket {
  #served: Promise<Served> | null = null
  #left: Promise<unknown> = Promise.resolve()

  constructor(private readonly serve: () => Promise<Served>) {}

  /** Where it is; made when it is not there. Rejects as `serve` does. */
  async open(): Promise<string> {
    this.#served ??= this.#serve()
    return (await this.#served).socket
  }

  /** Nothing, when it is not there. */
  async close(): Promise<void> {
    const served = this.#served
    if (served === null) return
    this.#served = null
    const closing = served.then((each) => each.close())
    this.#left = Promise.allSettled([closing])
    await closing
  }

  #serve(): Promise<Served> {
    const served = this.#left.then(this.serve).catch((error: unknown) => {
      if (this.#served === served) this.#served = null
      throw error
    })
    return served
  }
}
