import type { ClaimedMemory } from '../../../lib/core/checkpoint/events'
import type { Client } from './machine'
import type { Claim, ClaimAnswer, Witness } from './witness'

/** What lockstep asks the witness for, and what the mirror does. */
export type Wish = ClaimedMemory | 'listed' | 'unlisted'

interface Wished {
  readonly what: Wish
  readonly run: number
}

const changeOf = ({ what, run }: Wished): Partial<Claim> => {
  if (what === 'listed') return { peerListed: true }
  if (what === 'lockstep') return { run }
  return what === 'none' ? { run: null } : { run: null, peerListed: false }
}

export interface Keeping extends Client {
  readonly host: number
  readonly term: number
  stored(what: Wish, run: number): void
  spent(): void
}

/** Has a holder's wishes stored, one after the other, until each is or another host holds the claim. */
export class ClaimKeeper {
  #known: Claim | null = null
  readonly #wishes: Wished[] = []

  constructor(
    private readonly witness: Witness,
    private readonly holder: Keeping,
  ) {}

  get isQuiet(): boolean {
    return this.#wishes.length === 0
  }

  ask(what: Wish, run: number): void {
    this.#wishes.push({ what, run })
    if (this.#wishes.length === 1) this.#next()
  }

  #next(): void {
    const wished = this.#wishes[0]
    const { witness, holder } = this
    if (wished === undefined) return
    if (this.#known === null) witness.read(holder.host, (answer) => this.#answered(answer))
    else witness.swap(holder.host, this.#known, changeOf(wished), (answer) => this.#answered(answer))
  }

  #answered(answer: ClaimAnswer): void {
    const { holder } = this
    if (!holder.alive) return
    this.#known = answer?.claim ?? null
    if (this.#known !== null && this.#known.term !== holder.term) holder.spent()
    else {
      const wished = answer?.isStored === true ? this.#wishes.shift() : undefined
      if (wished !== undefined) holder.stored(wished.what, wished.run)
      if (wished === undefined || !this.isQuiet) this.#next()
    }
  }
}
