import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid } from '../../../lib/core/domain/ids'
import { readTimeline, TimelineFile } from '../../../lib/dom0/log/timeline-file'
import { NO_MOUNTS, SmallFileSystem } from '../../contracts/small-file-system'
import { QuietLog } from '../../integration/quiet-log'

const HOST = hostUuid('00000000-0000-4000-8000-000000000001')
const LIMIT_MS = 20_000
const entry = (act: string, text = 'It was done.') => ({ vm: null, act, rule: 'test', text, evidence: {} })
const acts = (folder: string): string[] => readTimeline(folder).map(({ act }) => act)
const until = async (isSo: () => boolean): Promise<void> => {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5))
}

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'holdfast-timeline-'))))
afterEach(() => rmSync(folder, { recursive: true }))
const timelineIn = (at: string): TimelineFile => new TimelineFile(join(at, 'one.jsonl'), HOST, new QuietLog(), 10)

test('entries are in the file in their order, also in a folder that has yet to be made', async () => {
  const timeline = timelineIn(join(folder, 'new'))
  for (const act of ['first', 'second', 'third']) timeline.record(entry(act))
  await timeline.rest(LIMIT_MS)
  expect(acts(join(folder, 'new'))).toEqual(['first', 'second', 'third'])
  expect(timeline.trouble).toBe('')
  expect(statSync(join(folder, 'new/one.jsonl')).mode & 0o777).toBe(0o600)
})

test('a line that a crash tore takes no other with it', async () => {
  appendFileSync(join(folder, 'one.jsonl'), '{"at":"2026')
  const timeline = timelineIn(folder)
  timeline.record(entry('afterwards'))
  await timeline.rest(LIMIT_MS)
  expect(acts(folder)).toEqual(['afterwards'])
})

test('a long one is put aside, and the one before it goes', async () => {
  const timeline = timelineIn(folder)
  const text = 'x'.repeat(500_000)
  for (let n = 0; n < 11; n++) {
    timeline.record(entry(`act-${n}`, text))
    await timeline.rest(LIMIT_MS)
  }
  expect(existsSync(join(folder, 'one.jsonl.1'))).toBe(true)
  expect(acts(folder)).toEqual(Array.from({ length: 11 }, (_, n) => `act-${n}`))
})

test('a file that cannot be opened is told, and what waits is written when it can', async () => {
  mkdirSync(join(folder, 'one.jsonl'))
  const timeline = timelineIn(folder)
  timeline.record(entry('meanwhile'))
  await timeline.rest(LIMIT_MS)
  expect(timeline.trouble).toMatch(/^The timeline cannot be written \(EISDIR\): .*one\.jsonl$/)
  rmSync(join(folder, 'one.jsonl'), { recursive: true })
  await until(() => timeline.trouble === '')
  expect(acts(folder)).toEqual(['meanwhile'])
})

;(NO_MOUNTS === '' ? describe : describe.skip)(
  `on a file system that is full${NO_MOUNTS === '' ? '' : ` (left out: ${NO_MOUNTS})`}`,
  () => {
    let small: SmallFileSystem
    beforeEach(() => (small = SmallFileSystem.mount(64 * 1024)))
    afterEach(() => small.unmount())

    test('nobody waits or fails; entries are whole and once in the file when there is room', async () => {
      const timeline = timelineIn(small.path)
      timeline.record(entry('before'))
      await timeline.rest(LIMIT_MS)
      small.fill()
      for (let n = 0; n < 40; n++) timeline.record(entry(`act-${n}`, 'x'.repeat(200)))
      await timeline.rest(LIMIT_MS)
      expect(timeline.trouble).toContain('ENOSPC')
      // The page of the first entry had room for another one.
      expect(acts(small.path)).toEqual(['before', 'act-0'])
      expect(readFileSync(join(small.path, 'one.jsonl'), 'utf8')).toMatch(/\}\n$/)
      small.makeRoom()
      await until(() => timeline.trouble === '')
      expect(acts(small.path)).toEqual(['before', ...Array.from({ length: 40 }, (_, n) => `act-${n}`)])
    })

    test('what there was no memory for is counted', async () => {
      small.unmount()
      small = SmallFileSystem.mount(4 * 1024 * 1024)
      const text = 'x'.repeat(10_000)
      const timeline = timelineIn(small.path)
      small.fill()
      for (let n = 0; n < 200; n++) timeline.record(entry(`act-${n}`, text))
      await timeline.rest(LIMIT_MS)
      small.makeRoom()
      await until(() => timeline.trouble === '')
      const entries = readTimeline(small.path)
      const lost = entries.find(({ act }) => act === 'timeline-entries-lost')
      const kept = entries.filter((each) => each !== lost)
      expect(Number(lost?.evidence['entries']) + kept.length).toBe(200)
      expect(kept.at(-1)?.act).toBe('act-199')
    })
  },
)
