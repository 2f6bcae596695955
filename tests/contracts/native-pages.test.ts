import { readFileSync } from 'node:fs'
import { giveBackText } from '../../lib/dom0/witness/give-back-text'
import { loadNativePages } from '../../lib/dom0/witness/native-pages'
import { neverWritten } from '../../lib/wire/memory-map'
import { built, NO_NATIVE } from './native-addon'

const withAddon = NO_NATIVE === '' ? describe : describe.skip

withAddon(`Node's own text ${NO_NATIVE}`, () => {
  /** KiB of this process's executable that are in its memory. */
  const residentText = (): number => {
    const smaps = readFileSync('/proc/self/smaps', 'utf8')
    const ours = smaps.split(/^(?=[\da-f]+-)/m).filter((each) => each.split('\n', 1)[0]?.endsWith(process.execPath))
    return ours.reduce((kib, each) => kib + Number(/^Rss: +(\d+) kB$/m.exec(each)?.[1]), 0)
  }

  test('is given back, and what runs comes again', () => {
    const before = residentText()
    const bytes = giveBackText(built(loadNativePages))
    const after = residentText()
    expect(bytes).toBeGreaterThan(before * 1024 * 0.9)
    expect(after).toBeLessThan(before / 2)
    expect(JSON.parse(JSON.stringify({ runs: new Date(0).toISOString() }))).toEqual({ runs: '1970-01-01T00:00:00.000Z' })
    expect(residentText()).toBeGreaterThan(0)
  })

  test('is found in this process: some of it was written by the loader, and is not named', () => {
    const smaps = readFileSync('/proc/self/smaps', 'utf8')
    const ranges = neverWritten(smaps, process.execPath)
    expect(ranges.length).toBeGreaterThan(1)
    const written = smaps.split('\n').filter((line) => / rw.p .*node$/.test(line))
    expect(written.length).toBeGreaterThan(0)
    for (const line of written) {
      const [from = 0, to = 0] = (line.split(' ')[0] ?? '').split('-').map((each) => parseInt(each, 16))
      expect(ranges.filter((range) => range.from < to && from < range.to)).toEqual([])
    }
  })

  test.each([
    [4096, 4096],
    [8192, 4096],
    [0, 4096],
    [-4096, 4096],
  ])('%d to %d is no range', (from, to) => {
    expect(() => built(loadNativePages).giveBack(from, to)).toThrow('giveBack(from, to)')
  })

  test('a range that is none of ours, or begins within a page, is answered with the errno', () => {
    expect(built(loadNativePages).giveBack(4097, 8192)).toBeGreaterThan(0)
    expect(built(loadNativePages).giveBack(2 ** 48, 2 ** 48 + 4096)).toBeGreaterThan(0)
  })
})

test('where the system tells nothing of a process, nothing is given back', () => {
  const never = (): number => {
    throw new Error('it was asked all the same')
  }
  expect(giveBackText({ giveBack: never }, '/nonexistent')).toBe(0)
})

test('without the addon there is nothing to give back with', () => {
  expect(loadNativePages('/nonexistent')).toBeNull()
})
