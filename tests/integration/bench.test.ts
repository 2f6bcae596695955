import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildSync } from 'esbuild'
import type { Report } from '../bench/mirror/report'
import { ROOT } from '../house/sources'

const run = promisify(execFile)
const EXECUTABLES = { holdfast: 'holdfast.ts', 'holdfast-worker': 'vm-worker.ts', 'holdfast-witness': 'holdfast-witness.ts' }

const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
const temporary = join(folder, 'tmp')
const bench = join(folder, 'bench', 'bench.js')

beforeAll(() => {
  const built = { bundle: true, platform: 'node', target: 'node20', logLevel: 'error' } as const
  for (const [name, entry] of Object.entries(EXECUTABLES)) {
    buildSync({ ...built, entryPoints: [join(ROOT, 'plugin', entry)], outfile: join(folder, 'dom0', name) })
  }
  buildSync({ ...built, entryPoints: [join(ROOT, 'tests/bench/bench.ts')], outfile: bench })
  mkdirSync(temporary)
})
afterAll(() => rmSync(folder, { recursive: true }))

const benchmark = (...args: string[]) => run(process.execPath, [bench, ...args], { env: { ...process.env, TMPDIR: temporary } })

test('a short run measures every subject, keeps it, and leaves nothing behind', async () => {
  const json = join(folder, 'report.json')
  const small = [
    '--quick',
    '--size-mib',
    '16',
    '--rows',
    'fsync-4k-d8',
    '--no-memory',
    '--tls',
    'on',
    '--seed',
    '7',
    '--patience',
    '0',
  ]
  const { stdout, stderr } = await benchmark('mirror', ...small, '--json', json)
  expect(stdout).toContain('4k random write, flush after each, depth 8')
  expect(stderr).toContain('fsync-4k-d8 of holdfast')

  const { blocks, options } = JSON.parse(readFileSync(json, 'utf8')) as Report
  expect(options).toMatchObject({ seed: 7, rounds: 1, sizeBytes: 16 * 1024 * 1024 })
  expect(blocks.map(({ place, tls, unable }) => ({ place, tls, unable }))).toEqual([{ place: 'tmpfs', tls: true, unable: {} }])
  const rounds = blocks[0]?.rows[0]?.rounds ?? {}
  expect(Object.keys(rounds).sort()).toEqual(['holdfast', 'quorum-tcp', 'quorum-unix', 'single'])
  for (const [measured] of Object.values(rounds)) {
    expect(measured?.iops).toBeGreaterThan(0)
    expect(measured?.flush?.meanUs).toBeGreaterThan(0)
    expect(measured?.cpuSecondsPerGb).toBeGreaterThan(0)
  }
  expect(Object.keys(rounds['holdfast']?.[0]?.peakBytes ?? {})).toEqual(
    expect.arrayContaining(['primary', 'secondary', 'witness']),
  )
  expect(readdirSync(temporary)).toEqual([])

  expect((await benchmark('show', json, '--markdown')).stdout).toContain('| 4k random write, flush after each, depth 8 |')
}, 120_000)

test.each([
  [['--rows', '5k'], /no row 5k[^]*to do: Choose from 4k-d1/],
  [['--subjects', 'single,double'], /no subject double[^]*to do: Choose from holdfast/],
  [['--rounds', '0'], /0 is not a number to measure with/],
  [['--place', 'disk', '--disk-folder', '/dev/shm'], /does not do as a disk[^]*tmpfs[^]*--disk-folder/],
  [['--size-mib', '99999999'], /too little room[^]*--size-mib/],
])('%j is refused before anything begins', async (args, complaint) => {
  await expect(benchmark('mirror', ...args)).rejects.toMatchObject({ code: 2, stdout: '', stderr: complaint })
  expect(readdirSync(temporary)).toEqual([])
})
