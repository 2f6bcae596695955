import type { Claim } from '../../../lib/core/domain/claim'
import { CLAIM_LIMITS, type ClaimRule } from '../../../lib/core/domain/claim-request'
import { hostUuid, vmUuid, type VolumeKey, volumeKey } from '../../../lib/core/domain/ids'
import { brokenRule } from '../../../lib/core/witness/rules'

const A = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const B = hostUuid('bbbbbbbb-0000-4000-8000-000000000002')
const VM = vmUuid('eeeeeeee-0000-4000-8000-000000000001')
const disk = (nth: number) => volumeKey(`dddddddd-0000-4000-8000-${String(nth).padStart(12, '0')}`)
const sets = [[A], [B], [A, B]]
const claim = (changes: Partial<Claim> = {}): Claim => ({
  vm: VM,
  term: 4,
  holder: A,
  leaseMs: 1500,
  upToDate: { [disk(1)]: [A, B], [disk(2)]: [A, B] },
  lockstep: null,
  ...changes,
})

test('every successor of every claim: term, holder and who was up-to-date', () => {
  let allowed = 0
  for (const oldHolder of [A, B])
    for (const first of sets)
      for (const second of sets)
        for (const nextHolder of [A, B])
          for (const term of [2, 3, 4, 5, 6]) {
            const old = claim({ holder: oldHolder, upToDate: { [disk(1)]: first, [disk(2)]: second } })
            const rule = brokenRule(old, claim({ holder: nextHolder, term }))
            const moves = oldHolder !== nextHolder
            const hasAll = first.includes(nextHolder) && second.includes(nextHolder)
            const lawful = moves ? term === 5 && hasAll : term === 4
            expect({ rule: rule === null, oldHolder, first, second, nextHolder, term }).toEqual({
              ...{ rule: lawful, oldHolder, first, second, nextHolder, term },
            })
            if (lawful) allowed += 1
          }
  expect(allowed).toBe(2 * 9 + 2 * 4)
})

const many = (count: number, hosts = 1): Record<VolumeKey, Claim['holder'][]> => {
  const disks: Record<VolumeKey, Claim['holder'][]> = {}
  for (let nth = 0; nth < count; nth += 1) disks[disk(nth)] = Array.from({ length: hosts }, () => A)
  return disks
}
const { disks, hostsPerDisk, hostsInAll } = CLAIM_LIMITS

test.each<[ClaimRule | null, Claim | null, Partial<Claim>]>([
  ['term-stays-with-holder', claim(), { term: 5 }],
  ['term-grows-by-one', claim(), { holder: B }],
  ['term-grows-by-one', claim(), { holder: B, term: 6 }],
  ['taker-up-to-date', claim({ upToDate: { [disk(1)]: [A] } }), { holder: B, term: 5 }],
  [null, claim({ upToDate: { [disk(1)]: [A] } }), { holder: B, term: 5, lossAccepted: 5 }],
  ['taker-up-to-date', claim({ upToDate: { [disk(1)]: [A] }, lossAccepted: 3 }), { holder: B, term: 5, lossAccepted: 3 }],
  ['term-grows-by-one', claim({ upToDate: { [disk(1)]: [A] } }), { holder: B, term: 6, lossAccepted: 6 }],
  ['loss-stays-marked', claim({ upToDate: { [disk(1)]: [A] } }), { holder: B, term: 5, lossAccepted: 4 }],
  ['loss-stays-marked', claim(), { lossAccepted: 4 }],
  ['loss-stays-marked', claim({ lossAccepted: 2 }), {}],
  ['loss-stays-marked', claim({ lossAccepted: 2 }), { holder: B, term: 5 }],
  [null, claim({ lossAccepted: 2 }), { lossAccepted: 2 }],
  [null, claim({ lossAccepted: 2 }), { holder: B, term: 5, lossAccepted: 2 }],
  ['up-to-date-never-empty', claim(), { upToDate: { [disk(1)]: [A], [disk(2)]: [] } }],
  ['up-to-date-never-empty', null, { upToDate: {} }],
  ['first-term', null, { term: 0 }],
  [null, null, { term: 1 }],
  [null, null, { term: 9 }],
  ['size', null, { leaseMs: CLAIM_LIMITS.leaseMsMax + 1 }],
  ['size', null, { upToDate: many(disks + 1) }],
  [null, null, { upToDate: many(disks) }],
  [null, null, { upToDate: many(1, hostsPerDisk) }],
  ['size', null, { upToDate: many(1, hostsPerDisk + 1) }],
  [null, null, { upToDate: many(disks, hostsInAll / disks) }],
  ['size', null, { upToDate: many(disks, hostsInAll / disks + 1) }],
])('%s', (rule, old, changes) => {
  expect(brokenRule(old, claim(changes))).toBe(rule)
})
