import { sources } from './sources'

const ALL = sources('lib', 'plugin', 'tests')

describe('tidy', () => {
  test('no file creeps past three hundred lines into the red zone', () => {
    const creeping = ALL.map(({ path, text }) => ({ path, lines: text.split('\n').length })).filter(
      ({ lines }) => lines > 300 && lines <= 320,
    )
    expect(creeping).toEqual([])
  })
  test('no leftovers', () => {
    const leftover = /\b(?:FIXME|XXX|HACK)\b|\bTODO\b|\.only\(/
    expect(
      ALL.filter(({ path, text }) => path !== 'tests/house/tidy.test.ts' && leftover.test(text)).map(({ path }) => path),
    ).toEqual([])
  })
  test('no folder or file called utils or helpers', () => {
    expect(ALL.filter(({ path }) => /\b(?:utils?|helpers?|misc)\b/.test(path)).map(({ path }) => path)).toEqual([])
  })
  test('nothing names a path of a developer machine', () => {
    const machine = /\.\.\/shared\b|\/home\/\w+\//
    expect(
      ALL.filter(({ path, text }) => path !== 'tests/house/tidy.test.ts' && machine.test(text)).map(({ path }) => path),
    ).toEqual([])
  })
})
