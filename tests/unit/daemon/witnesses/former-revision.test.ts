import type { StoredClaim } from '../../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../../lib/core/domain/decider-note'
import { DecidingWitness, type DecidingParts } from '../../../../lib/daemon/worker/witnesses/deciding-witness'
import { quietLog } from '../../../../lib/dom0/log/quiet-log'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { type CasAnswer, type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { A, B, claimBy, freshVm } from '../../../contracts/witness-port'

const vm = freshVm()
const never = (): never => {
  throw new Error('a claim is read and given up here, and nothing else')
}

/** What one witness has of the VM, for as long as it is not asked to forget it. */
class Having implements WitnessPort {
  readonly reachable = true
  readonly compareAndSwap = never
  readonly renew = never
  readonly carry = never
  readonly close = never

  constructor(
    readonly id: string,
    public stored: StoredClaim | null,
  ) {}

  read(): Promise<StoredClaim | null> {
    return Promise.resolve(this.stored)
  }

  remove({ revision }: StoredClaim): Promise<CasAnswer> {
    const current = this.stored
    if (current?.revision !== revision) return Promise.resolve({ stored: false, why: 'revision', current, leaseLeftMs: 0 })
    this.stored = null
    return Promise.resolve({ stored: true, revision })
  }
}

/** As it is at the preferred witness in an even generation, at the alternate one in an odd one. */
const claimed = (generation: number, revision: number, holder = A, term = 3): StoredClaim => ({
  revision,
  claim: claimBy(holder, { vm, term, decided: { generation, by: generation % 2 === 0 ? 'w1' : 'w2' } }),
})

let note: DeciderNote | null

/** Host A's, which has noted that w1 decided for the second time. */
function deciding(preferred: Having, alternate: Having): DecidingWitness {
  note = { generation: 2, by: 'w1', pending: null }
  const claimNotes = {
    read: () => Promise.resolve(note),
    save: never,
    forget: () => Promise.resolve(void (note = null)),
  }
  const parts = { witness: preferred, alternate, claimNotes, clock: { nowMs: () => 1000 }, timers: systemTimers, log: quietLog }
  return new DecidingWitness(() => ({ host: A, vm }) as unknown as WorkerSpec, parts as unknown as DecidingParts)
}

test('a claim that was carried since it was seen is told as it is now, and is gone from both witnesses when that is given up', async () => {
  const [preferred, alternate] = [new Having('w1', claimed(2, 11)), new Having('w2', claimed(1, 55))]
  const witness = deciding(preferred, alternate)
  expect(await witness.remove(claimed(1, 55))).toMatchObject({ stored: false, current: claimed(2, 11) })
  expect(note).not.toBeNull()
  expect(await witness.remove(claimed(2, 11))).toMatchObject({ stored: true })
  expect([preferred.stored, alternate.stored, note]).toEqual([null, null, null])
})

test("another holder's claim stays, although its revision happens to be the one that was seen at the other witness", async () => {
  const theirs = claimed(2, 55, B, 4)
  const preferred = new Having('w1', theirs)
  const witness = deciding(preferred, new Having('w2', null))
  expect(await witness.remove(claimed(1, 55))).toMatchObject({ stored: false, current: theirs })
  expect(preferred.stored).toEqual(theirs)
})

test('what the other witness has decided since is no old record: it stays', async () => {
  const theirs = claimed(3, 70, B, 4)
  const alternate = new Having('w2', theirs)
  const witness = deciding(new Having('w1', claimed(2, 12, B, 4)), alternate)
  await expect(witness.remove(claimed(2, 11))).rejects.toBeInstanceOf(WitnessUnreachable)
  expect(alternate.stored).toEqual(theirs)
})
