import type { Claim, StoredClaim } from '../../../lib/core/domain/claim'
import type { ClaimedMemory } from '../../../lib/core/domain/guest-memory'
import { LEASE_MS } from '../../../lib/core/domain/lease'
import { Holder, type HolderEffect, type HolderEvent } from '../../../lib/core/membership/holder'
import { UUIDS, VM, VOLUME } from '../mirror/names'
import { must } from '../mirror/must'
import type { Client } from './machine'
import type { Claim as Known, ClaimAnswer, Witness } from './witness'

/** What lockstep asks the witness for, and what the mirror does. */
export type Wish = ClaimedMemory | 'listed' | 'unlisted'

export interface Keeping extends Client {
  readonly host: number
  readonly term: number
  stored(what: Wish, run: number): void
  spent(): void
}

const HOSTS = [UUIDS.a, UUIDS.b] as const
const uuidOf = (host: number): (typeof HOSTS)[number] => must(HOSTS[host], 'there are two hosts')

const storedOf = ({ revision, term, holder, peerListed, run }: Known): StoredClaim => {
  const upToDate = { [VOLUME]: peerListed ? [...HOSTS] : [uuidOf(holder)] }
  const lockstep = run === null ? null : { secondary: uuidOf(1 - holder), run }
  return { revision, claim: { vm: VM, term, holder: uuidOf(holder), leaseMs: LEASE_MS, upToDate, lockstep } }
}

const knownOf = (revision: number, { term, holder, upToDate, lockstep }: Claim): Known => ({
  ...{ revision, term, holder: HOSTS.indexOf(holder), run: lockstep?.run ?? null },
  peerListed: must(upToDate[VOLUME], 'the claim is of this disk').length > 1,
})

/** The production holder of a claim over a witness that loses what it is asked, or what it answers. Its lease is not looked at here. */
export class ClaimKeeper {
  #holder: Holder | null = null
  /** Asked for before the claim was read. */
  #early: (() => void)[] = []
  #memory: ClaimedMemory | null = null
  #listing: 'listed' | 'unlisted' | null = null

  constructor(
    private readonly witness: Witness,
    private readonly owner: Keeping,
  ) {}

  get isQuiet(): boolean {
    return this.#early.length === 0 && this.#memory === null && this.#listing === null && this.#holder?.changing !== true
  }

  ask(what: Wish, run: number): void {
    if (this.#holder !== null) this.#wish(what, run)
    else if (this.#early.push(() => this.#wish(what, run)) === 1) this.#start()
  }

  #start(): void {
    this.witness.read(this.owner.host, (answer) => {
      if (!this.owner.alive) return
      if (answer === null) this.#start()
      else if (answer.claim.term !== this.owner.term) this.owner.spent()
      else {
        this.#holder = new Holder(uuidOf(this.owner.host), storedOf(answer.claim), null)
        for (const wish of this.#early.splice(0)) wish()
      }
    })
  }

  #wish(what: Wish, run: number): void {
    const { host } = this.owner
    if (what === 'lockstep' || what === 'none' || what === 'alone') {
      this.#memory = what
      this.#apply({ on: 'memory', wish: { memory: what, run, secondary: uuidOf(1 - host) } })
    }
    if (what === 'lockstep' || what === 'none') return
    this.#listing = what === 'listed' ? 'listed' : 'unlisted'
    this.#apply({ on: 'want', volume: VOLUME, hosts: what === 'listed' ? [...HOSTS] : [uuidOf(host)] })
  }

  #apply(event: HolderEvent): void {
    for (const effect of this.#holder?.apply(event) ?? []) this.#do(effect)
  }

  #do(effect: HolderEffect): void {
    const { owner, witness } = this
    if (!owner.alive) return
    if (effect.do === 'read') witness.read(owner.host, (answer) => this.#answered(answer))
    else if (effect.do === 'swap')
      witness.swap(owner.host, knownOf(effect.expected, effect.next), {}, (answer) => this.#answered(answer))
    else if (effect.do === 'claimed') this.#claimed(effect.hosts.length > 1 ? 'listed' : 'unlisted')
    else if (effect.do === 'memory') {
      this.#memory = null
      owner.stored(effect.wish.memory, effect.wish.run)
    } else if (effect.do === 'spent') owner.spent()
  }

  #answered(answer: ClaimAnswer): void {
    if (!this.owner.alive) return
    if (answer === null) this.#apply({ on: 'unknown' })
    else if (answer.isStored) this.#apply({ on: 'swapped', revision: answer.claim.revision })
    else this.#apply({ on: 'stored', stored: storedOf(answer.claim) })
  }

  #claimed(what: 'listed' | 'unlisted'): void {
    if (this.#listing !== null && this.#listing !== what) return
    const isNews = this.#listing !== null
    this.#listing = null
    if (isNews || what === 'unlisted') this.owner.stored(what, 0)
  }
}
