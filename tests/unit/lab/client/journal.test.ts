import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Journal, readJournal } from '../../../../lib/lab/client/journal'
import { recordText } from '../../../../lib/lab/client/record'
import { longestGaps } from '../../../../lib/lab/client/verify'

const folder = mkdtempSync(join(tmpdir(), 'journal-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('what was noted is read back, without the line a kill cut short', () => {
  const path = join(folder, 'a')
  const journal = new Journal(path, 64)
  journal.connection('up', 1)
  journal.acknowledged({ n: 1, at: 10.1234567 })
  journal.connection('down', 11, 'no answer')
  journal.acknowledged({ n: 2, at: 20 })
  journal.close()
  appendFileSync(path, '{"n":3,"at"')
  const first = [
    { n: 1, at: 10.123 },
    { n: 2, at: 20 },
  ]
  expect(readJournal(path)).toEqual({ recordBytes: 64, acknowledgements: first })

  const next = new Journal(path, 64)
  next.acknowledged({ n: 3, at: 30 })
  next.close()
  expect(readJournal(path).acknowledgements).toEqual([...first, { n: 3, at: 30 }])
})

test('each record has a text of its own and of the wanted length', () => {
  const texts = Array.from({ length: 1000 }, (_, n) => recordText(n, 100))
  expect(new Set(texts).size).toBe(1000)
  expect(texts.every((text) => text.length === 100)).toBe(true)
  expect(recordText(17, 100)).toBe(recordText(17, 100))
  expect(recordText(123456, 1)).toMatch(/^123456:[0-9a-f]{8}$/)
})

test('gaps: the longest first, those that end in the span', () => {
  const acknowledgements = [0, 10, 15, 100, 101, 131].map((at, index) => ({ n: index + 1, at }))
  expect(longestGaps(acknowledgements).map(({ lengthMs }) => lengthMs)).toEqual([85, 30, 10, 5, 1])
  expect(longestGaps(acknowledgements, 14, 101)).toEqual([
    { fromMs: 15, toMs: 100, lengthMs: 85 },
    { fromMs: 10, toMs: 15, lengthMs: 5 },
    { fromMs: 100, toMs: 101, lengthMs: 1 },
  ])
  expect(longestGaps([])).toEqual([])
})
