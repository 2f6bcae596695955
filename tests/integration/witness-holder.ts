import type { Claim, StoredClaim } from '../../lib/core/domain/claim'
import { WitnessUnreachable, type WitnessPort } from '../../lib/ports/witness'
import { A, B, claimBy } from '../contracts/witness-port'

/** One VM's holder: changes its claim again and again, and remembers what the witness promised. */
export class Holder {
  promised: StoredClaim | null = null
  /** Asked for and not answered: it may have been stored, or not. */
  asked: Claim | null = null
  promises = 0
  private readonly first = claimBy(A)

  async change(client: WitnessPort): Promise<void> {
    const before = this.promised?.claim ?? this.first
    const run = (before.lockstep?.run ?? 0) + 1
    const next = { ...before, lockstep: { secondary: B, run } }
    this.asked = next
    const answer = await client.compareAndSwap(this.promised?.revision ?? 0, next)
    if (!answer.stored) throw new Error(`refused by ${answer.why}`)
    this.promised = { revision: answer.revision, claim: next }
    this.asked = null
    this.promises += 1
  }

  async changeUntilGone(client: WitnessPort): Promise<void> {
    try {
      for (;;) await this.change(client)
    } catch (error) {
      if (!(error instanceof WitnessUnreachable)) throw error
    }
  }

  /** What is stored must be what was promised, or the one change whose answer never came. */
  async check(client: WitnessPort): Promise<void> {
    const found = await client.read(this.first.vm)
    const kept = found?.revision === this.promised?.revision
    expect(found?.claim ?? null).toEqual(kept ? (this.promised?.claim ?? null) : this.asked)
    this.promised = found
  }
}
