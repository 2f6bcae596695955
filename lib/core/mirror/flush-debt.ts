import type { Side } from './events'

/**
 * A device tells once, by a flush that fails, that it could not keep what it was given. While the other replica has all of it nobody
 * has to know; when the one that failed serves alone, or there is no other, the guest must hear of it at its next flush.
 */
export class FlushDebt {
  /** Of each replica: what its last flush failed with. Something that was answered may have been lost with it. */
  readonly #unkept: Record<Side, string> = { local: '', peer: '' }
  /** Empty: nothing is owed. */
  #owed = ''

  /** A flush, or a change that was to be flushed, failed on one of two replicas. */
  failed(side: Side, error: string): void {
    this.#unkept[side] = error
  }

  /** A flush of our own, of which the guest knows nothing, failed on the last replica. */
  owe(error: string): void {
    this.#owed = error
  }

  /**
   * A replica can be used again. Asked again of a device that came back a flush would succeed, whatever was lost. The other one, if it
   * serves, has all of it.
   */
  back(side: Side, servesAlone: boolean): void {
    if (servesAlone && this.#unkept[side] !== '') this.#owed = this.#unkept[side]
    this.#unkept[side] = ''
  }

  /** What a flush of the guest is answered with that ended with `error`; empty: it succeeded. Nothing is owed any more. */
  pay(error: string): string {
    const owed = this.#owed
    this.#owed = ''
    return error === '' ? owed : error
  }
}
