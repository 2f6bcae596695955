import type { StoredClaim } from '../../../lib/core/domain/claim'
import type { HostUuid } from '../../../lib/core/domain/ids'
import { Broken } from './broken'
import { Holder, type HolderEffect, type HolderEvent } from '../../../lib/core/membership/holder'
import type { Worker } from './host'

export interface HoldingNeeds {
  readonly lease: (valid: boolean) => void
  readonly claimed: (hosts: readonly HostUuid[]) => void
  readonly spent: () => void
}

const ASK_AGAIN_MS = 100

/** Carries the holder's wishes to the witness and the answers back. */
export class Holding {
  readonly holder: Holder
  #ended = false

  constructor(
    private readonly worker: Worker,
    stored: StoredClaim,
    leaseFromMs: number | null,
    private readonly needs: HoldingNeeds,
  ) {
    this.holder = new Holder(worker.host.uuid, stored, leaseFromMs)
  }

  /** After this nothing is renewed, changed or told any more. */
  end(): void {
    this.#ended = true
  }

  apply(event: HolderEvent): void {
    if (this.#ended) return
    for (const effect of this.holder.apply(event)) this.#run(effect)
  }

  tick(): void {
    this.apply({ on: 'tick', nowMs: this.worker.host.nowMs })
  }

  #run(effect: HolderEffect): void {
    const { worker, holder } = this
    const { claim } = holder.stored
    switch (effect.do) {
      case 'renew': {
        const askedAtMs = worker.host.nowMs
        worker.askWitness({ op: 'renew', vm: claim.vm, term: claim.term, holder: claim.holder }, (answer) => {
          if (answer === undefined) this.apply({ on: 'renewal-lost' })
          else if (answer.op === 'renewed') this.apply({ on: 'renewed', askedAtMs })
          else if (answer.op === 'not-renewed') this.apply({ on: 'renewal-refused', stored: answer.current })
        })
        break
      }
      case 'swap':
        worker.askWitness({ op: 'cas', expected: effect.expected, next: effect.next, requireLeaseOver: false }, (answer) => {
          if (answer === undefined) this.#askAgain()
          else if (answer.op === 'stored') this.apply({ on: 'swapped', revision: answer.revision })
          else if (answer.op === 'refused') this.apply({ on: 'stored', stored: answer.current })
          else throw new Broken('claim kept', `the witness answers ${JSON.stringify(answer)}`)
        })
        break
      case 'read':
        worker.askWitness({ op: 'read', vm: claim.vm }, (answer) => {
          if (answer?.op === 'read') this.apply({ on: 'stored', stored: answer.found })
          else this.#askAgain()
        })
        break
      case 'lease':
        this.needs.lease(effect.valid)
        break
      case 'claimed':
        this.needs.claimed(effect.hosts)
        break
      // The simulated guest has no vCPUs and no memory: it stops with its disk.
      case 'guests':
      case 'memory':
      case 'not-handed-over':
        break
      case 'spent':
        this.needs.spent()
        break
    }
  }

  #askAgain(): void {
    const { world, life } = this.worker
    world.schedule.after(ASK_AGAIN_MS, () => this.apply({ on: 'unknown' }), life)
  }
}
