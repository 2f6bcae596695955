import { compare } from '../../bench/mirror/comparison'
import type { Measured } from '../../bench/mirror/measure'
import { goalsOf, ROWS, rowsNamed } from '../../bench/mirror/rows'
import { ratio, spread } from '../../bench/mirror/statistics'

test('the median of odd and of even numbers of rounds, with both ends', () => {
  expect(spread([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30 })
  expect(spread([40, 10, 30, 20])).toEqual({ median: 25, min: 10, max: 40 })
  expect(spread([100, 9])).toEqual({ median: 54.5, min: 9, max: 100 })
  expect(() => spread([])).toThrow('nothing was measured')
})

test('a ratio is taken round by round, so that a slow round slows nobody', () => {
  expect(ratio([100, 10, 80], [200, 20, 160])).toEqual({ median: 0.5, min: 0.5, max: 0.5 })
  expect(() => ratio([1, 2], [1])).toThrow('2 rounds cannot be compared with 1')
})

const measured = (iops: number, change: Partial<Measured> = {}): Measured => ({
  ...{ iops, bytesPerSecond: iops * 4096, latency: { meanUs: 10, p99Us: 100 }, flush: null },
  ...{ cpuSecondsPerGb: 5, peakBytes: { primary: 60, secondary: 40 }, disturbance: 0 },
  ...change,
})
const SUBJECTS = [
  { name: 'holdfast', text: '', part: 'mirror' },
  { name: 'one-way', text: '', part: 'peer' },
  { name: 'other-way', text: '', part: 'peer' },
  { name: 'single', text: '', part: 'floor' },
] as const

test('the faster of the peers counts, by its median and not by its best round', () => {
  const rounds = {
    holdfast: [measured(100), measured(120), measured(110)],
    'one-way': [measured(50), measured(60), measured(55)],
    'other-way': [measured(40), measured(900), measured(45)],
    single: [measured(200), measured(200), measured(200)],
  }
  const { figures, overPeer, overFloor } = compare({ row: '4k-d8', rounds }, SUBJECTS)
  expect(figures.map(({ subject }) => subject)).toEqual(['holdfast', 'one-way', 'single'])
  expect(overPeer).toEqual({ median: 2, min: 2, max: 2 })
  expect(overFloor).toEqual({ median: 0.55, min: 0.5, max: 0.6 })
})

test('where Holdfast was not measured nothing is compared with it', () => {
  const { figures, overPeer, overFloor } = compare(
    { row: '4k-d1', rounds: { 'one-way': [measured(9)], single: [measured(8)] } },
    SUBJECTS,
  )
  expect([overPeer, overFloor]).toEqual([null, null])
  expect(figures.map(({ subject }) => subject)).toEqual(['one-way', 'single'])
})

test('memory is of all processes together; a flushed write takes both times', () => {
  const flush = { meanUs: 90, p99Us: 70 }
  const [figures] = compare({ row: 'fsync-4k-d1', rounds: { holdfast: [measured(9, { flush })] } }, SUBJECTS).figures
  expect(figures).toMatchObject({ peakBytes: 100, meanUs: 100, p99Us: 100 })
})

test('what is expected of a row follows from its depth', () => {
  expect(ROWS.map((row) => [row.name, goalsOf(row).overPeer, goalsOf(row).overFloor])).toEqual([
    ['4k-d1', 1, 0.5],
    ['4k-d8', 1.5, 0.6],
    ['4k-d32', 1.5, 0.6],
    ['64k-d8', 1.5, 0.6],
    ['1m-d4', 1, 0.6],
    ['read-4k-d1', 1, 0.5],
    ['read-4k-d32', 1.5, 0.6],
    ['fsync-4k-d1', 1, 0.5],
    ['fsync-4k-d8', 1.5, 0.6],
  ])
})

test('rows are chosen by name, all of them when none is named', () => {
  expect(rowsNamed('')).toBe(ROWS)
  expect(rowsNamed('1m-d4,4k-d1').map(({ name }) => name)).toEqual(['4k-d1', '1m-d4'])
  expect(() => rowsNamed('4k-d1,5k')).toThrow(/no row 5k.*\n.*\n.*Choose from 4k-d1/)
})
