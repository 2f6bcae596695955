import type { Measured } from '../../bench/mirror/measure'
import { markdown, plainText } from '../../bench/mirror/print'
import type { Report } from '../../bench/mirror/report'
import { sectionsOf } from '../../bench/mirror/tables'

const measured = (iops: number): Measured => ({
  ...{ iops, bytesPerSecond: iops * 4000, latency: { meanUs: 98.6, p99Us: 301.2 }, flush: null },
  ...{ cpuSecondsPerGb: 5.04, peakBytes: { primary: 60e6, secondary: 40e6 }, disturbance: 0.031 },
})
const REPORT: Report = {
  ...{ format: 1, at: '2031-02-03T04:05:06.000Z', version: '9.9.9' },
  machine: {
    ...{ cpu: 'A CPU', cores: 2, memoryBytes: 8 * 1024 ** 3, kernel: '6.1', system: 'A Linux', virtualisation: 'none' },
    ...{ node: 'v20.1.2', qemu: '7.2.1', fio: '3.33' },
  },
  options: { sizeBytes: 1024 ** 3, rounds: 3, seed: 1, warmUpMs: 1000, runMs: 3000 },
  subjects: [
    { name: 'holdfast', text: '', part: 'mirror' },
    { name: 'quorum', text: 'two daemons', part: 'peer' },
    { name: 'single', text: '', part: 'floor' },
  ],
  blocks: [
    {
      ...{ place: 'tmpfs', tls: true, fileSystem: 'tmpfs', unable: { elsewhere: 'it was not there' } },
      rows: [
        {
          row: '4k-d8',
          rounds: {
            holdfast: [15_000, 16_000, 17_000].map(measured),
            quorum: [10_000, 10_000, 10_000].map(measured),
            single: [32_000, 32_000, 32_000].map(measured),
          },
        },
      ],
      memory: { holdfast: { idle: { primary: 65e6, secondary: 30e6 }, loaded: { primary: 150e6, secondary: 99e6 } } },
    },
  ],
}

test('markdown: every line of a table has as many cells as its head, figures on the right', () => {
  const text = markdown(sectionsOf(REPORT))
  expect(text).toContain('\nquorum: two daemons\n\n')
  expect(text).toContain('### Files in memory (tmpfs), link with TLS\n\nWithout elsewhere: it was not there.\n')
  expect(text).toContain(
    '| row, IOPS | Holdfast (a) | storage daemons (b) | no mirror (c) | a/b | goal | a/c | goal |\n| --- | ---: |',
  )
  expect(text).toContain(
    '| 4k random write, depth 8 | 16000 (15000 to 17000) | 10000 | 32000 | 1.60 (1.50 to 1.70) | 1.5 met | 0.50 (0.47 to 0.53) | 0.6 missed |\n',
  )
  expect(text).toContain('| 4k random write, depth 8 | holdfast | 64 | 99 | 301 | 5.0 | 100 | 3 % |\n')
  expect(text).toContain('| holdfast, together | 95 |  | 249 |  |\n')
  expect(text).toContain('| holdfast, primary | 65 | 60 missed | 150 | 200 met |\n')
  const cells = text.split('\n').map((line) => [...line.matchAll(/\|/g)].length)
  expect([...new Set(cells)].sort()).toEqual([0, 6, 9])
})

test('the text for a terminal says the same', () => {
  const text = plainText(sectionsOf(REPORT))
  expect(text).toContain('A CPU, 2 cores (none), 8 GiB; A Linux, kernel 6.1; Node v20.1.2, qemu-storage-daemon 7.2.1, fio 3.33.')
  expect(text).toContain('median of 3 rounds of 3 s')
  expect(text).toMatch(/4k random write, depth 8 {2}16000 \(15000 to 17000\) +10000 +32000 +1\.60 \(1\.50 to 1\.70\) +1\.5 met/)
})

test('without Holdfast there is no verdict', () => {
  const [block] = REPORT.blocks
  const rows = [{ row: '4k-d1', rounds: { quorum: [measured(5)], single: [measured(6)] } }]
  const text = markdown(sectionsOf({ ...REPORT, blocks: block === undefined ? [] : [{ ...block, rows, memory: {} }] }))
  expect(text).toContain('| 4k random write, depth 1 | - | 5 | 6 | - |  | - |  |\n')
})
