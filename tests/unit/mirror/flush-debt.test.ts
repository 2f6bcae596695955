import { otherSide, SIDES } from '../../../lib/core/mirror/events'
import { FlushDebt } from '../../../lib/core/mirror/flush-debt'

test('nothing is owed at first', () => {
  expect(new FlushDebt().pay('')).toBe('')
})

describe.each(SIDES)('a flush failed on %s', (side) => {
  test.each([
    ['and that one comes back and serves alone: it is told, once', side, true, ['EIO', '']],
    ['and that one comes back beside the other: the other has everything', side, false, ['', '']],
    ['and the other one comes back and serves alone: that one lost nothing', otherSide(side), true, ['', '']],
  ])('%s', (_, returning, servesAlone, told) => {
    const debt = new FlushDebt()
    debt.failed(side, 'EIO')
    debt.back(returning, servesAlone)
    expect([debt.pay(''), debt.pay('')]).toEqual(told)
  })

  test('once it came back beside the other it is forgotten', () => {
    const debt = new FlushDebt()
    debt.failed(side, 'EIO')
    debt.back(side, false)
    debt.back(side, true)
    expect(debt.pay('')).toBe('')
  })

  test('what is owed stays owed when a replica comes back that lost nothing', () => {
    const debt = new FlushDebt()
    debt.failed(side, 'EIO')
    debt.back(side, true)
    debt.back(otherSide(side), true)
    debt.back(side, true)
    expect(debt.pay('')).toBe('EIO')
  })
})

test("our own flush that failed on the last replica is told at the guest's next one, once", () => {
  const debt = new FlushDebt()
  debt.owe('ENOSPC')
  expect([debt.pay(''), debt.pay('')]).toEqual(['ENOSPC', ''])
})

test("the guest's own error is told first, and is the answer to both", () => {
  const debt = new FlushDebt()
  debt.owe('ENOSPC')
  expect([debt.pay('EIO'), debt.pay('')]).toEqual(['EIO', ''])
})
