import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { buildSync } from 'esbuild'
import type { WitnessReport } from '../bench/witness/run'
import { ROOT } from '../house/sources'

const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
const temporary = join(folder, 'tmp')
const bench = join(folder, 'bench', 'bench.js')

beforeAll(() => {
  const built = { bundle: true, platform: 'node', target: 'node20', logLevel: 'error' } as const
  const witness = join(ROOT, 'plugin/holdfast-witness.ts')
  buildSync({ ...built, entryPoints: [witness], outfile: join(folder, 'dom0/holdfast-witness') })
  buildSync({ ...built, entryPoints: [join(ROOT, 'tests/bench/bench.ts')], outfile: bench })
  mkdirSync(temporary)
})
afterAll(() => rmSync(folder, { recursive: true }))

const benchmark = (...args: string[]) =>
  promisify(execFile)(process.execPath, [bench, 'witness', ...args], { env: { ...process.env, TMPDIR: temporary } })

test('1,000 claims over the connections of 32 hosts are renewed within a little memory, and nothing is left behind', async () => {
  const json = join(folder, 'report.json')
  const { stdout } = await benchmark('--clients', '32', '--seconds', '1', '--json', json)
  expect(stdout).toContain('1000 claims over 32 connections')
  expect(stdout).toMatch(/^renewals, each claim every 300 ms .*\n.*\nchanges, durable/m)

  const { paced, renewals, changes, memory } = JSON.parse(readFileSync(json, 'utf8')) as WitnessReport
  for (const { count, p50Ms, p99Ms, maxMs } of [paced, renewals, changes]) {
    expect(count).toBeGreaterThan(0)
    expect([p50Ms, p99Ms, maxMs]).toEqual([p50Ms, p99Ms, maxMs].sort((one, other) => one - other))
  }
  // Beside Node's own text, which all processes of a machine share.
  expect(memory.renewing.anonymous).toBeLessThan(30e6)
  expect(memory.renewing.resident).toBeLessThan(80e6)
  expect(readdirSync(temporary)).toEqual([])
}, 120_000)

test.each([
  [['--claims', '0'], /0 is not a number to measure with/],
  [['--clients', '5000'], /5000 clients are too many[^]*to do: Ask for fewer/],
])('%j is refused before anything begins', async (args, complaint) => {
  await expect(benchmark(...args)).rejects.toMatchObject({ code: 2, stdout: '', stderr: complaint })
  expect(readdirSync(temporary)).toEqual([])
})
