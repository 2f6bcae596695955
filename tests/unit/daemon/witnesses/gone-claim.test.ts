import type { Claim } from '../../../../lib/core/domain/claim'
import type { DeciderNote } from '../../../../lib/core/domain/decider-note'
import { DecidingWitness, type DecidingParts } from '../../../../lib/daemon/worker/witnesses/deciding-witness'
import { quietLog } from '../../../../lib/dom0/log/quiet-log'
import { systemTimers } from '../../../../lib/dom0/system/system-timers'
import { type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import type { WorkerSpec } from '../../../../lib/wire/worker-api'
import { A, B, claimBy, freshVm } from '../../../contracts/witness-port'

const vm = freshVm()
/** The first witness decides again, after some switches, about a claim that is gone. */
const noted: DeciderNote = { generation: 6, by: 'w1', pending: null }

const never = (): never => {
  throw new Error('nothing but reads and a removal is asked for here')
}

/** Has one claim, or none, or is silent. */
class OneClaim implements WitnessPort {
  readonly reachable = true
  readonly compareAndSwap = never
  readonly renew = never
  readonly carry = never
  readonly close = never
  has: Claim | null | 'silent' = null

  constructor(readonly id: string) {}

  read(): ReturnType<WitnessPort['read']> {
    if (this.has === 'silent') return Promise.reject(new WitnessUnreachable('told to be silent'))
    return Promise.resolve(this.has === null ? null : { revision: 1, claim: this.has })
  }

  remove(): ReturnType<WitnessPort['remove']> {
    return Promise.resolve({ stored: false, why: 'revision', current: null, leaseLeftMs: 0 })
  }
}

/** Of B, which was the secondary of the claim that is gone. */
function host({ diskFails = false } = {}): {
  first: OneClaim
  second: OneClaim
  witness: DecidingWitness
  kept: { note: DeciderNote | null }
} {
  const [first, second] = [new OneClaim('w1'), new OneClaim('w2')]
  const kept: { note: DeciderNote | null } = { note: noted }
  const parts = {
    ...{ witness: first, alternate: second, log: quietLog, timers: systemTimers, clock: { nowMs: () => 0 } },
    ...{ timeline: { record: () => undefined }, listenPeer: never },
    claimNotes: {
      read: () => Promise.resolve(kept.note),
      save: (_: string, note: DeciderNote) => Promise.resolve(void (kept.note = note)),
      forget: () => (diskFails ? Promise.reject(new Error('EIO')) : Promise.resolve(void (kept.note = null))),
    },
  } as unknown as DecidingParts
  const spec = { vm, host: B } as unknown as WorkerSpec
  return { first, second, kept, witness: new DecidingWitness(() => spec, parts) }
}

const decidedBy = (generation: number, by: string): Claim => ({ ...claimBy(A, { vm }), decided: { generation, by } })

test('a claim that neither witness has is forgotten with what was noted of it, and a later one is believed', async () => {
  const { first, witness, kept } = host()
  expect(await witness.read(vm)).toBeNull()
  expect(kept.note).toBeNull()
  first.has = claimBy(A, { vm })
  expect(await witness.read(vm)).toMatchObject({ claim: { holder: A } })
  expect(kept.note).toEqual({ generation: 0, by: 'w1', pending: null })
})

test('what the holder says of a later claim is noted, although an earlier one had come further', async () => {
  const { witness, kept } = host()
  await witness.read(vm)
  const said = await new Promise((resolve) => witness.told({ generation: 2, by: 'w1', pending: null }, 1, resolve))
  expect(said).toEqual({ generation: 2, by: 'w1', pendingTerm: null })
  expect(kept.note).toMatchObject({ generation: 2, by: 'w1' })
})

test('while the other witness is silent, nothing is forgotten', async () => {
  const { second, witness, kept } = host()
  second.has = 'silent'
  await expect(witness.read(vm)).rejects.toThrow(WitnessUnreachable)
  expect(kept.note).toEqual(noted)
})

test('a claim that the other witness has is the later one', async () => {
  const { second, witness, kept } = host()
  second.has = decidedBy(1, 'w2')
  expect(await witness.read(vm)).toMatchObject({ claim: { holder: A } })
  expect(kept.note).toMatchObject({ generation: 1, by: 'w2' })
})

test('an old copy of the claim is not believed', async () => {
  const { first, second, witness, kept } = host()
  first.has = decidedBy(4, 'w1')
  second.has = decidedBy(5, 'w2')
  await expect(witness.read(vm)).rejects.toThrow('old copy')
  expect(kept.note).toEqual(noted)
})

test('what a disk does not forget still counts', async () => {
  const { first, witness } = host({ diskFails: true })
  expect(await witness.read(vm)).toBeNull()
  first.has = decidedBy(4, 'w1')
  await expect(witness.read(vm)).rejects.toThrow('old copy')
})

test('a claim that was read to be gone while it was being given up is given up', async () => {
  const { witness, kept } = host()
  await witness.read(vm)
  expect(await witness.remove({ revision: 1, claim: claimBy(A, { vm }) })).toMatchObject({ stored: false, current: null })
  expect(kept.note).toBeNull()
})
