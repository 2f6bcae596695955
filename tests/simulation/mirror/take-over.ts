import { type StoredClaim, takenBy } from '../../../lib/core/domain/claim'
import { leaseOverAfterMs } from '../../../lib/core/domain/lease'
import { ASK_AGAIN_MS, takeoverVerdict, type TakeoverFacts } from '../../../lib/core/membership/takeover'
import { GIVE_UP_AFTER_MS, HEARD_WITHIN_MS } from '../../../lib/core/membership/taking'
import type { Worker } from './host'
import type { Standby } from './standby'
import { VM } from './names'

export interface TakeOverEnds {
  readonly taken: (stored: StoredClaim, leaseFromMs: number | null) => void
  readonly given: (why: string) => void
}

/** Seals the secondary, waits for its promises and the holder's lease to run out, and takes the claim. */
export class TakeOver {
  readonly #begunAt: number
  #lease: TakeoverFacts['lease'] = { kind: 'unasked' }

  constructor(
    private readonly worker: Worker,
    private readonly standby: Standby,
    private readonly ends: TakeOverEnds,
  ) {
    const { now } = worker.world.schedule
    this.#begunAt = now
    if (now < standby.heardAt + HEARD_WITHIN_MS) {
      ends.given('holder-alive')
      return
    }
    standby.seal()
    this.#read()
  }

  #read(): void {
    const { worker } = this
    if (worker.world.schedule.now > this.#begunAt + GIVE_UP_AFTER_MS) {
      this.#give('gave-up')
      return
    }
    worker.askWitness({ op: 'read', vm: VM }, (answer) => {
      if (answer?.op !== 'read') this.#pause(ASK_AGAIN_MS)
      else this.#judge(answer.found)
    })
  }

  #judge(stored: StoredClaim | null): void {
    const { host } = this.worker
    if (stored === null) {
      this.#give('no-claim')
      return
    }
    const { claim } = stored
    const promiseLeftMs = Math.max(0, this.standby.rules.lastPromiseMs + leaseOverAfterMs(claim.leaseMs) - host.nowMs)
    // A lost answer to a swap of ours may have been a yes. Promises bind all the same.
    if (claim.holder === host.uuid) {
      this.worker.world.probe('takeover: the lost answer was a yes')
      if (promiseLeftMs > 0) this.#pause(promiseLeftMs)
      else this.ends.taken(stored, null)
      return
    }
    const facts = {
      me: host.uuid,
      claim,
      holderSuspected: true,
      holderFenced: false,
      lossAccepted: false,
      memory: null,
      promiseLeftMs,
      lease: this.#lease,
    }
    const verdict = takeoverVerdict(facts)
    this.worker.say(() => `takeover: ${verdict.verdict} ${verdict.rule}`)
    this.#lease = { kind: 'unasked' }
    if (verdict.verdict === 'no') this.#give(verdict.rule)
    else if (!this.standby.isFit) this.#give('replica-failed')
    else if (verdict.verdict === 'wait') this.#pause(verdict.waitMs)
    else this.#swap(stored, verdict.requireLeaseOver)
  }

  #swap({ revision, claim }: StoredClaim, requireLeaseOver: boolean): void {
    const { worker } = this
    const next = takenBy(claim, worker.host.uuid)
    const askedAtMs = worker.host.nowMs
    worker.world.onMoment('taking', worker.host.name)
    worker.askWitness({ op: 'cas', expected: revision, next, requireLeaseOver }, (answer) => {
      if (answer?.op === 'stored') {
        worker.world.probe('takeover: taken')
        this.ends.taken({ revision: answer.revision, claim: next }, askedAtMs)
        return
      }
      if (answer === undefined) this.#lease = { kind: 'silent' }
      else if (answer.op === 'refused' && answer.by === 'lease') this.#lease = { kind: 'left', leftMs: answer.leaseLeftMs }
      else worker.world.probe('takeover: swap refused')
      if (answer === undefined) this.#pause(ASK_AGAIN_MS)
      else this.#read()
    })
  }

  #pause(ms: number): void {
    const { world, life } = this.worker
    world.schedule.after(ms, () => this.#read(), life)
  }

  #give(why: string): void {
    this.standby.rules.unseal()
    this.ends.given(why)
  }
}
