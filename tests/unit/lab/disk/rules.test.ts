import { brokenBy, type DiskRule, isDiskRules, isSameTarget } from '../../../../lib/lab/disk/rules'

const rule = (volume: string | null, ops: DiskRule['ops'] = 'both', error: DiskRule['error'] = 'EIO'): DiskRule => ({
  volume,
  ops,
  error,
})
const KEY = '6f0c'

describe('which requests a rule breaks', () => {
  test.each([
    [null, 'any/path', true],
    [KEY, `sr/${KEY}.raw`, true],
    [KEY, `sr/${KEY}`, true],
    [KEY, `sr/${KEY}/data`, true],
    [KEY, `sr/x${KEY}.raw`, false],
    [KEY, `sr/${KEY}0.raw`, false],
    ['*.raw', 'sr/a.raw', true],
    ['*.raw', 'sr/araw', false],
    ['sr/?.raw', 'sr/a.raw', true],
    ['sr/?.raw', 'sr/ab.raw', false],
  ])('volume %j, path %s: %j', (volume, path, expected) => {
    expect(brokenBy([rule(volume)], path, 'reads')).toBe(expected ? 'EIO' : null)
  })

  test('reads, writes or both', () => {
    const broken = (ops: DiskRule['ops']) =>
      (['reads', 'writes'] as const).map((kind) => brokenBy([rule(null, ops)], 'p', kind) !== null)
    expect([broken('reads'), broken('writes'), broken('both')]).toEqual([
      [true, false],
      [false, true],
      [true, true],
    ])
  })

  test('of several rules the latest decides', () => {
    expect(brokenBy([rule(null), rule(KEY, 'both', 'hang')], `${KEY}.raw`, 'reads')).toBe('hang')
    expect(brokenBy([rule(null), rule(KEY, 'writes', 'hang')], `${KEY}.raw`, 'reads')).toBe('EIO')
  })
})

test('a new rule replaces those it covers', () => {
  const covered = (old: DiskRule, next: DiskRule): boolean => isSameTarget(old, next)
  expect(covered(rule(KEY, 'reads'), rule(KEY, 'both'))).toBe(true)
  expect(covered(rule(KEY, 'reads'), rule(KEY, 'writes'))).toBe(false)
  expect(covered(rule(KEY), rule(null))).toBe(false)
})

test.each([
  [[rule(null), rule(KEY, 'reads', 'ENOSPC')], true],
  [[], true],
  [null, false],
  [[{ ...rule(null), ops: 'all' }], false],
  [[3], false],
])('is %j a list of rules: %j', (value, expected) => {
  expect(isDiskRules(value)).toBe(expected)
})
