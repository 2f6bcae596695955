import type { Claim } from '../../../lib/core/domain/claim'
import type { ClaimRecord } from '../../../lib/core/domain/claim-record'
import type { HostUuid } from '../../../lib/core/domain/ids'
import { Broken } from '../mirror/broken'
import { nameOf } from './names'
import type { WitnessHost } from './witness-host'
import type { PoolWorld } from './world'

export interface Decided {
  readonly claim: Claim
  readonly by: WitnessHost
}

/** For so long after a change that means nothing somebody may take it for one. */
const LOOKED_AFTER_MS = 3000
const LOOK_EVERY_MS = 25

const numberOf = (claim: Claim): number => claim.decided?.generation ?? 0

/**
 * Reads what the witnesses store. At each of them revisions grow. The record of the highest decision decides; each decision belongs to one
 * witness, in it terms only grow, and one term has one holder. A change that is stored where nothing is decided any more, or for a holder that
 * has noted a later decision, means nothing to that holder: it breaks a rule when it acts on it.
 */
export class ClaimJudge {
  readonly #revisions = new Map<WitnessHost, number>()
  readonly #claims = new Map<string, Map<WitnessHost, Claim>>()
  readonly #deciding = new Map<string, Decided>()
  readonly #void = new Set<string>()

  constructor(private readonly world: PoolWorld) {}

  deciding(vm: string): Decided | null {
    return this.#deciding.get(vm) ?? null
  }

  /** False when it means nothing. */
  stored(record: ClaimRecord, by: WitnessHost): boolean {
    if (record.revision <= (this.#revisions.get(by) ?? 0))
      throw new Broken('revisions grow', `${record.revision} after ${this.#revisions.get(by) ?? 0} at ${by.name}`)
    this.#revisions.set(by, record.revision)
    return record.kind === 'removed' ? this.#removed(record.vm, by) : this.#changed(record.claim, record.revision, by)
  }

  #removed(vm: string, by: WitnessHost): boolean {
    const claims = this.#claims.get(vm)
    claims?.delete(by)
    if (this.#deciding.get(vm)?.by !== by) return false
    this.#deciding.delete(vm)
    const [left] = [...(claims?.keys() ?? [])]
    if (left !== undefined) throw new Broken('given up at both', `${left.name} still has a claim of ${vm}`)
    return true
  }

  #changed(claim: Claim, revision: number, by: WitnessHost): boolean {
    const { vm } = claim
    const claims = this.#claims.get(vm) ?? new Map<WitnessHost, Claim>()
    this.#claims.set(vm, claims)
    const before = claims.get(by)
    claims.set(by, claim)
    if (before !== undefined && numberOf(before) === numberOf(claim)) follows(before, claim)
    if (claim.decided !== undefined && claim.decided.by !== by.name)
      throw new Broken('one witness a decision', `${by.name} stores what ${claim.decided.by} is to decide`)
    const deciding = this.#deciding.get(vm)
    if (deciding !== undefined && deciding.by !== by && numberOf(deciding.claim) === numberOf(claim))
      throw new Broken('one witness a decision', `${deciding.by.name} and ${by.name} both make decision ${numberOf(claim)}`)
    const isLeft = deciding !== undefined && numberOf(claim) < this.#noted(vm, claim.holder)
    const isOver = numberOf(claim) < numberOf(deciding?.claim ?? claim)
    if (isLeft || isOver) this.#meansNothing(claim, revision, by)
    // By what a holder changed before it heard that it has left this witness, the others may still act.
    if (isOver || (isLeft && claim.holder !== deciding.claim.holder)) return false
    this.#deciding.set(vm, { claim, by })
    if (deciding !== undefined && deciding.by !== by) this.world.probe(`${by.name} decides`)
    return true
  }

  #meansNothing({ vm, term, holder, ...claim }: Claim, revision: number, by: WitnessHost): void {
    this.world.say(() => `stored at ${by.name}, and means nothing to ${nameOf(holder)}: term ${term}`)
    this.world.probe('stored, and means nothing')
    this.#void.add(`${vm} ${claim.decided?.generation ?? 0} ${revision}`)
    this.#look(vm, this.world.schedule.now + LOOKED_AFTER_MS)
  }

  /** On the stable storage of that host; 0: nothing. */
  #noted(vm: string, host: HostUuid): number {
    const note = this.world.machine(nameOf(host)).claimNotes.on(vm)
    return note === null || note === 'damaged' ? 0 : note.generation
  }

  #look(vm: string, untilMs: number): void {
    const { schedule, machines } = this.world
    schedule.after(LOOK_EVERY_MS, () => {
      for (const { name, workers } of machines) {
        const status = workers.get(vm)?.status
        if (status?.role !== 'primary' || status.claim === null) continue
        const { claim, revision } = status.claim
        if (this.#void.has(`${vm} ${numberOf(claim)} ${revision}`))
          throw new Broken(
            'decided by one',
            `${name} acts on decision ${numberOf(claim)}, revision ${revision}, which means nothing`,
          )
      }
      if (schedule.now < untilMs) this.#look(vm, untilMs)
    })
  }
}

function follows(before: Claim, claim: Claim): void {
  if (claim.term < before.term) throw new Broken('terms grow', `${claim.vm}: term ${claim.term} after ${before.term}`)
  if ((claim.holder === before.holder) !== (claim.term === before.term))
    throw new Broken(
      'one holder a term',
      `${claim.vm}: ${claim.holder} term ${claim.term} after ${before.holder} term ${before.term}`,
    )
}
