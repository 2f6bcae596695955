import { Readable } from 'node:stream'
import { filledIn } from '../../../plugin/commander/setup/input'

const never = (): Readable =>
  new Readable({
    read: () => {
      throw new Error('nothing was to be read')
    },
  })

test('what is named stays, and nothing is read for it', async () => {
  expect(await filledIn(['w:7788/aa', undefined], never())).toEqual(['w:7788/aa', undefined])
})

test('each - is a line, in order, however it comes', async () => {
  for (const pieces of [['one\ntwo\n'], ['on', 'e\n', '\ntw', 'o'], ['one\r\ntwo\r\nthree\n']])
    expect(await filledIn(['-', '-'], Readable.from(pieces))).toEqual(['one', 'two'])
  expect(await filledIn([undefined, '-'], Readable.from(['one\n']))).toEqual([undefined, 'one'])
})

test('it does not wait for the end of what a terminal never ends', async () => {
  const terminal = new Readable({ read: () => undefined })
  terminal.push('one\n')
  expect(await filledIn(['-'], terminal)).toEqual(['one'])
})

test('a line too few is refused, and what has no end is not read to it', async () => {
  await expect(filledIn(['-', '-'], Readable.from(['one\n']))).rejects.toThrow(/2 wanted, 1 came/)
  let read = 0
  const endless = new Readable({ read: () => endless.push('x'.repeat(1000), 'utf8') && read++ })
  expect((await filledIn(['-'], endless))[0]?.length).toBeLessThan(100_000)
  expect(read).toBeLessThan(100)
})
