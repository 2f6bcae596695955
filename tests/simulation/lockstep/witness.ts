export interface Claim {
  readonly revision: number
  readonly term: number
  readonly holder: number
  readonly peerListed: boolean
  readonly run: number | null
}

/** `isStored`: as it was asked; else the claim is another one by now. Null: nobody knows. */
export type ClaimAnswer = { readonly isStored: boolean; readonly claim: Claim } | null

interface Asked {
  readonly by: number
  /** Null: to read. */
  readonly next: Claim | null
  readonly answer: (answer: ClaimAnswer) => void
}

/**
 * Stores one claim. What a host asks arrives some time later, in its order, or is lost; it is answered later still, or not. So what is
 * read after an answer was lost is final.
 */
export class Witness {
  claim: Claim = { revision: 1, term: 1, holder: 0, peerListed: false, run: null }
  #asked: Asked[] = []
  readonly #answers: (() => void)[] = []

  read(by: number, answer: (answer: ClaimAnswer) => void): void {
    this.#asked.push({ by, next: null, answer })
  }

  /** If it is the one after `known` still. */
  swap(by: number, known: Claim, change: Partial<Claim>, answer: (answer: ClaimAnswer) => void): void {
    this.#asked.push({ by, next: { ...known, ...change, revision: known.revision + 1 }, answer })
  }

  /** Something that this host asked arrives, unless it is lost. True: a claim was stored. */
  hear(host: number, fate: 'heard' | 'lost' | 'answer lost'): boolean {
    const asked = this.#asked.find(({ by }) => by === host)
    if (asked === undefined) return false
    this.#asked = this.#asked.filter((each) => each !== asked)
    const { next, answer } = asked
    const isStored = fate !== 'lost' && next !== null && next.revision === this.claim.revision + 1
    if (isStored) this.claim = next
    const { claim } = this
    this.#answers.push(() => answer(fate === 'heard' ? { isStored, claim } : null))
    return isStored
  }

  answer(): void {
    this.#answers.shift()?.()
  }
}
