export interface Claim {
  readonly revision: number
  readonly term: number
  readonly holder: number
  readonly peerListed: boolean
  readonly run: number | null
}

type Change = (claim: Claim) => Partial<Claim> | null

interface Asked {
  readonly by: number
  readonly change: Change
  readonly answer: (stored: Claim | null) => void
}

/** Stores one claim. What a host asks is stored some time later, in its order, and answered later still. */
export class Witness {
  claim: Claim = { revision: 1, term: 1, holder: 0, peerListed: false, run: null }
  #asked: Asked[] = []
  readonly #answers: (() => void)[] = []

  /** `change` answers null for a claim that it was not made for. */
  ask(by: number, change: Change, answer: (stored: Claim | null) => void): void {
    this.#asked.push({ by, change, answer })
  }

  /** `host`: whose. */
  store(host: number): void {
    const asked = this.#asked.find(({ by }) => by === host)
    if (asked === undefined) return
    this.#asked = this.#asked.filter((each) => each !== asked)
    const change = asked.change(this.claim)
    if (change !== null) this.claim = { ...this.claim, ...change, revision: this.claim.revision + 1 }
    const stored = change === null ? null : this.claim
    this.#answers.push(() => asked.answer(stored))
  }

  answer(): void {
    this.#answers.shift()?.()
  }
}
