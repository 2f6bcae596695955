import type { StoredClaim } from '../../../../lib/core/domain/claim'
import { PoolWitness } from '../../../../lib/daemon/host/pool-witness'
import { type WitnessPort, WitnessUnreachable } from '../../../../lib/ports/witness'
import { A, claimBy, freshVm } from '../../../contracts/witness-port'

const vm = freshVm()
const claim = claimBy(A, { vm })
const stored: StoredClaim = { revision: 7, claim }

const witness = (id: string, has: StoredClaim | null | 'silent'): WitnessPort =>
  ({
    id,
    read: () => (has === 'silent' ? Promise.reject(new WitnessUnreachable('it is silent')) : Promise.resolve(has)),
  }) as unknown as WitnessPort

/** What a daemon reads whose host began to switch to the alternate one before it lost its power. */
const read = (preferred: StoredClaim | null | 'silent', alternate: StoredClaim | null | 'silent'): Promise<StoredClaim | null> =>
  new PoolWitness({
    ...{ pool: 'pool', preferred: witness('w1', preferred), alternate: witness('w2', alternate) },
    noteOf: () => Promise.resolve({ generation: 1, by: 'w2', pending: claim }),
  }).read(vm)

describe('while a switch of witnesses is noted as pending', () => {
  test.each([
    ['the former one has the claim', stored, null],
    ['the other one has it', null, stored],
    ['the former one is silent', 'silent', null],
    ['the other one is silent', null, 'silent'],
  ] as const)('the claim is not known: %s', async (_, preferred, alternate) => {
    await expect(read(preferred, alternate)).rejects.toThrow(WitnessUnreachable)
  })

  test('there is none where neither has any: it was given up meanwhile', async () => {
    expect(await read(null, null)).toBeNull()
  })
})
