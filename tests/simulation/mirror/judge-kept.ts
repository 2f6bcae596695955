import { Broken } from './broken'
import type { JudgedWorld } from './judged-world'
import type { HostName } from './names'

/** A replica with a history that the claim does not know any more stays as it is until an operator gives it up. */
export class KeptJudge {
  #kept: { readonly host: HostName; readonly bytes: Int32Array } | null = null

  constructor(private readonly world: JudgedWorld) {}

  keep(host: HostName): void {
    this.#kept = { host, bytes: this.world.hosts[host].store.disk.cache.slice() }
  }

  get keepsOne(): boolean {
    return this.#kept !== null
  }

  /** `givesUp`: the operator has seen it, and does without. */
  check(givesUp: (host: HostName) => void): void {
    if (this.#kept === null) return
    const { host, bytes } = this.#kept
    const now = this.world.hosts[host].store.disk.cache
    const changed = bytes.findIndex((value, cell) => now[cell] !== value)
    if (changed >= 0) throw new Broken('refused history kept', `cell ${changed} of ${host} was overwritten`)
    this.#kept = null
    givesUp(host)
  }
}
