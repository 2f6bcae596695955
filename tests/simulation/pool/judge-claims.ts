import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import type { Claim } from '../../../lib/core/domain/claim'
import { Broken } from '../mirror/broken'

/** Reads what the witness stores: revisions and terms only grow, and one term has one holder. */
export class ClaimJudge {
  #revision = 0
  readonly #claims = new Map<string, Claim>()

  stored(record: ClaimRecord): void {
    if (record.revision <= this.#revision) throw new Broken('revisions grow', `${record.revision} after ${this.#revision}`)
    this.#revision = record.revision
    if (record.kind === 'removed') {
      this.#claims.delete(record.vm)
      return
    }
    const { claim } = record
    const before = this.#claims.get(claim.vm)
    this.#claims.set(claim.vm, claim)
    if (before === undefined) return
    if (claim.term < before.term) throw new Broken('terms grow', `${claim.vm}: term ${claim.term} after ${before.term}`)
    if ((claim.holder === before.holder) !== (claim.term === before.term))
      throw new Broken(
        'one holder a term',
        `${claim.vm}: ${claim.holder} term ${claim.term} after ${before.holder} term ${before.term}`,
      )
  }
}
