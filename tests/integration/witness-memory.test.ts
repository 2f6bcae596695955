import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { connectWitness } from '../../lib/dom0/witness/witness-client'
import { Child } from '../bench/child'
import { Load } from '../bench/witness/load'
import { residentOf } from '../bench/witness/memory'
import { ADDONS, NO_NATIVE } from '../contracts/native-addon'
import { ROOT } from '../house/sources'
import { QuietLog } from './quiet-log'

const CLAIMS = 1000
const EVERY_MS = 300
const HOSTS = 32
const LIMIT_BYTES = 50e6
const WAIT_MS = 60_000

const withAddon = NO_NATIVE === '' ? test : test.skip
let folder = ''
let witness: Child
let load: Load

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-witness-memory-'))
  const executable = join(folder, 'bin', 'holdfast-witness')
  const entryPoints = [join(ROOT, 'plugin/holdfast-witness.ts')]
  buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile: executable, logLevel: 'error' })
  symlinkSync(ADDONS, join(folder, 'lib'))
  const key = randomBytes(32)
  const keyFile = join(folder, 'pool.key')
  writeFileSync(keyFile, key.toString('hex'), { mode: 0o600 })
  const args = ['--listen', '127.0.0.1:0', '--data', join(folder, 'data'), '--key', keyFile]
  witness = new Child('witness', [process.execPath, executable, ...args], { log: join(folder, 'log') })
  const port = await witness.until('serving', () => Promise.resolve(/serving .*"port":(\d+)/.exec(witness.log)?.[1] ?? null))
  const reach = { address: `127.0.0.1:${port}`, pool: '99999999-0000-4000-8000-000000000009', key, deadlineMs: 20_000 }
  const client = (nth: number) => connectWitness({ ...reach, log: new QuietLog(), client: `host ${nth}` })
  load = new Load(Array.from({ length: HOSTS }, (_, nth) => client(nth)))
  await load.storeAll(CLAIMS)
})
afterAll(async () => {
  load.close()
  await witness.stop()
  rmSync(folder, { recursive: true })
})

withAddon(
  `${CLAIMS} claims, each renewed every ${EVERY_MS} ms, take less than 50 MB ${NO_NATIVE}`,
  async () => {
    const giveUpAt = performance.now() + WAIT_MS
    const { shared } = residentOf(witness.pid)
    while (residentOf(witness.pid).shared > (shared * 3) / 4 && performance.now() < giveUpAt) await load.renewEvery(EVERY_MS, 0.5)
    // What this needs of Node's text is in memory again by then.
    const { count } = await load.renewEvery(EVERY_MS, 1.5)
    expect(count).toBeGreaterThanOrEqual(CLAIMS)
    expect(residentOf(witness.pid).resident).toBeLessThan(LIMIT_BYTES)
  },
  2 * WAIT_MS,
)
