/** Parts of one epoch as they come. Memory is what has changed of it; the device state is whole, and the newest counts. */
interface Incoming {
  memoryParts: number
  deviceParts: number
  bytes: number
  isCut: boolean
}

/** Epochs of which something has come and whose end has not. */
export class IncomingEpochs {
  readonly #open = new Map<number, Incoming>()

  get bytes(): number {
    return [...this.#open.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  part(epoch: number, kind: 'memory' | 'device', bytes: number): void {
    const incoming = this.#of(epoch)
    if (kind === 'memory') incoming.memoryParts++
    else incoming.deviceParts++
    incoming.bytes += bytes
  }

  /** A pause of the guest. What came of the device state before it is of a pause that served for nothing. */
  cut(epoch: number): void {
    const incoming = this.#of(epoch)
    incoming.isCut = true
    incoming.deviceParts = 0
  }

  /** Its bytes, if all that was sent of it is here; or null. `parts`: of its memory, and of the device state after its last cut. */
  end(epoch: number, parts: number): number | null {
    const incoming = this.#open.get(epoch)
    this.#open.delete(epoch)
    if (incoming === undefined || !incoming.isCut) return null
    return incoming.memoryParts + incoming.deviceParts === parts ? incoming.bytes : null
  }

  #of(epoch: number): Incoming {
    const known = this.#open.get(epoch)
    if (known !== undefined) return known
    const incoming: Incoming = { memoryParts: 0, deviceParts: 0, bytes: 0, isCut: false }
    this.#open.set(epoch, incoming)
    return incoming
  }
}
