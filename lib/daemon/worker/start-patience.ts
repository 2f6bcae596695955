/** A peer that lives answers within some 100 ms; while it is waited for, so is the guest. */
const START_MS = 500
/** One that takes the claim over answers nobody meanwhile, and is asked again every second: two answers that are late or lost tell nothing. */
const SEALED_MS = 3500

/** A worker that has given the claim away is started anew, as the other side; a busy machine takes its time for that. */
const RESTART_MS = 5000

/** After a boot nobody knows where the peer is until the daemon has heard its host, and asked it. */
const UNNAMED_MS = 10_000

/** How long a primary that has just begun waits for its peer, before it goes on without it. Times are monotonic. */
export class StartPatience {
  #overAtMs = Number.POSITIVE_INFINITY
  #backByMs = Number.NEGATIVE_INFINITY
  #sealedUntilMs = Number.NEGATIVE_INFINITY
  #isOver = false
  #isNamed = false

  /** The local replica is there, or is not to be had. */
  begin(nowMs: number): void {
    this.#overAtMs = nowMs + (this.#isNamed ? START_MS : UNNAMED_MS)
  }

  /** The peer can be dialled from now on. */
  named(nowMs: number): void {
    if (this.#isNamed) return
    this.#isNamed = true
    if (this.#overAtMs < Number.POSITIVE_INFINITY) this.begin(nowMs)
  }

  /**
   * The peer lives, and is taking the claim over: it will have it, or answer again. A primary whose machine lost its cache must not throw
   * out the only one that has everything.
   */
  sealed(nowMs: number): void {
    this.#sealedUntilMs = nowMs + SEALED_MS
  }

  /** The peer has just given the claim to this host: it lives, and its worker begins anew. */
  given(nowMs: number): void {
    this.#backByMs = nowMs + RESTART_MS
  }

  /** True once: when it is over. */
  ends(nowMs: number): boolean {
    if (this.#isOver || nowMs < Math.max(this.#overAtMs, this.#backByMs, this.#sealedUntilMs)) return false
    this.#isOver = true
    return true
  }
}
