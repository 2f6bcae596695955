import type { Claim } from '../../../lib/core/domain/claim'
import { hostUuid, vmUuid, volumeKey, type HostUuid } from '../../../lib/core/domain/ids'
import { formerCopy, type FormerCopyFacts } from '../../../lib/core/policy/former-copy'

const [A, B, C] = ['1', '2', '3'].map((n) => hostUuid(`00000000-0000-4000-8000-00000000000${n}`)) as [
  HostUuid,
  HostUuid,
  HostUuid,
]
const KEYS = ['d', 'e'].map((n) => volumeKey(`00000000-0000-4000-8000-0000000000${n}1`))

const verdict = (
  lists: readonly (readonly HostUuid[])[],
  claim: Partial<Claim> = {},
  more: Partial<FormerCopyFacts> = {},
): string =>
  formerCopy({
    ...{ host: C, mayHaveGoneOn: false, hasSetAside: false },
    claim: {
      ...{ vm: vmUuid('00000000-0000-4000-8000-0000000000aa'), term: 4, holder: A, leaseMs: 1, lockstep: null },
      upToDate: Object.fromEntries(KEYS.map((key, index) => [key, lists[index] ?? []])),
      ...claim,
    },
    ...more,
  }).verdict

const WHOLE = [
  [A, B],
  [A, B],
]

test('it goes when two others have every byte', () => expect(verdict(WHOLE)).toBe('drop'))

test.each<[string, readonly (readonly HostUuid[])[], Partial<Claim>]>([
  ['one other alone has every byte', [[A], [A]], {}],
  ['of one disk there is one other copy only', [[A, B], [A]], {}],
  [
    'the claim lists it for one disk',
    [
      [A, B],
      [A, B, C],
    ],
    {},
  ],
  ['it holds the claim', WHOLE, { holder: C }],
  ['it has the memory that counts', WHOLE, { lockstep: { secondary: C, run: 1 } }],
])('it stays while %s', (_, lists, claim) => expect(verdict(lists, claim)).toBe('keep'))

test.each<[string, Partial<Claim>, Partial<FormerCopyFacts>]>([
  ['a loss was ever accepted', { lossAccepted: 2 }, {}],
  ['its host may have gone on alone', {}, { mayHaveGoneOn: true }],
  ['a history was set aside beside it', {}, { hasSetAside: true }],
])('it is left to an operator where %s', (_, claim, more) => expect(verdict(WHOLE, claim, more)).toBe('left'))

test('what may be the last spare is not spoken of, however it came about', () => {
  expect(verdict([[A], [A]], { lossAccepted: 2 }, { mayHaveGoneOn: true, hasSetAside: true })).toBe('keep')
})
