import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { JournalTail } from '../../../../lib/lab/client/journal-tail'

let folder = ''
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'tail-'))))
afterEach(() => rmSync(folder, { recursive: true }))

test('each line is told once, when all of it is there, wherever the writer was cut off', () => {
  const path = join(folder, 'journal')
  const tail = new JournalTail(path)
  expect(tail.next()).toEqual([])
  const long = 'ü'.repeat(50_000)
  const text = [{ n: 1 }, { text: long }, { n: 2 }].map((line) => `${JSON.stringify(line)}\n`).join('')
  const bytes = Buffer.from(text)
  const told: unknown[] = []
  for (const [from, to] of [
    [0, 3],
    [3, 8],
    [8, 70_001],
    [70_001, bytes.length - 1],
    [bytes.length - 1, bytes.length],
  ] as const) {
    appendFileSync(path, bytes.subarray(from, to))
    told.push(...tail.next())
  }
  expect(told).toEqual([{ n: 1 }, { text: long }, { n: 2 }])
  expect(tail.next()).toEqual([])
})
