/** Hosts on which Holdfast is installed and nothing more; one command makes a pool of them that protects a VM. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeHoldfastSr, makeVm, until } from '../../lib/lab/demo/stage'
import type { Lab, Outcome } from '../../lib/lab/rack/lab'
import { startLab } from '../../lib/lab/rack/up'
import type { StatusReport } from '../../lib/wire/daemon-api'
import { ROOT } from '../house/sources'

jest.setTimeout(300_000)

const LIMIT_MS = 60_000
const WITNESS = join(ROOT, 'dist/dom0/holdfast-witness')
const ADDRESS = '10.77.0.250:7788'
const SECOND = '10.77.0.250:7789'
const THIRD = '10.77.0.250:7790'
const folder = mkdtempSync(join(tmpdir(), 'setup-'))
let lab: Lab

beforeAll(async () => {
  lab = await startLab({ dir: join(folder, 'lab'), hosts: 2, setUp: false })
})
afterAll(async () => {
  await lab.down()
  rmSync(folder, { recursive: true })
})

const onHost = (host: string, ...argv: string[]): Promise<Outcome> => lab.exec(host, argv)
const setUp = (host: string, ...options: string[]): Promise<Outcome> => onHost(host, 'holdfast', 'setup', ...options)
const keyFile = (host: string): string => join(lab.paths.host(host).root, 'etc/holdfast/pool.key')
const configOf = (host: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(lab.paths.host(host).root, 'etc/holdfast/config.json'), 'utf8')) as Record<string, unknown>
const invitationIn = (text: string): string => /\d+\.[\d.]+:\d+\/[0-9a-f]{32}/.exec(text)?.[0] ?? 'none'
const invited = async (...where: string[]): Promise<string> =>
  invitationIn((await lab.exec('witness', [process.execPath, WITNESS, 'invite', ...where])).stdout)

/** Every file of the lab in which the text stands. */
function filesWith(text: string): string[] {
  const below = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
      const at = join(path, entry.name)
      if (entry.isDirectory()) return below(at)
      return entry.isFile() && statSync(at).size < 4e6 && readFileSync(at).includes(text) ? [at.slice(lab.dir.length)] : []
    })
  return ['hosts', 'witness', 'rack.log', 'witness.log'].flatMap((name) => {
    const at = join(lab.dir, name)
    return statSync(at).isDirectory() ? below(at) : readFileSync(at).includes(text) ? [`/${name}`] : []
  })
}

test('a wrong invitation changes nothing', async () => {
  const { exit, stderr } = await setUp('h1', '--witness', `${ADDRESS}/${'0'.repeat(32)}`)
  expect(exit).toBe(2)
  expect(stderr).toContain('HOLDFAST_INVITATION_REFUSED')
  expect(stderr).toMatch(/does not know it: it was mistyped/)
  expect((await setUp('h1')).stderr).toMatch(/no witness is named/)
  expect(readdirSync(join(lab.paths.host('h1').root, 'etc/holdfast'))).toEqual([])
})

test('one command on any host, and the pool is ready', async () => {
  const line = invitationIn(readFileSync(join(lab.dir, 'witness.log'), 'utf8'))
  const { exit, stdout, stderr } = await lab.exec('h2', ['holdfast', 'setup', '--witness', '-'], `${line}\n`)
  expect([exit, stderr.split('\n').length]).toEqual([0, 4])
  const rows = stdout.split('\n').map((line) => line.split(/ {2,}/).join('|'))
  expect(rows.slice(0, 3)).toEqual([
    'HOST|MANAGEMENT|A-LINKS|KEY|CONFIG|DAEMON|WITNESS',
    'h1|10.77.0.1|10.77.1.1 10.77.2.1|written|written|0.1.0|reachable',
    'h2|10.77.0.2|10.77.1.2 10.77.2.2|written|written|0.1.0|reachable',
  ])
  expect(stdout).toContain('Ready: holdfast protect')
  expect(configOf('h1')).toEqual(configOf('h2'))
})

test('the key is where it must be, for root alone, and in no log, database or task', () => {
  const key = readFileSync(keyFile('h1'), 'utf8').trim()
  expect(key).toMatch(/^[0-9a-f]{64}$/)
  expect(
    filesWith(key)
      .map((file) => file.replace(/[0-9a-f-]{36}/, 'POOL'))
      .sort(),
  ).toEqual(['/hosts/h1/root/etc/holdfast/pool.key', '/hosts/h2/root/etc/holdfast/pool.key', '/witness/keys/POOL.key'])
  for (const host of ['h1', 'h2']) expect(statSync(keyFile(host)).mode & 0o777).toBe(0o600)
})

test('a VM is protected then', async () => {
  const stage = await makeHoldfastSr(lab)
  const { vmUuid } = await makeVm(stage, 'orders', 8 * 1024 * 1024)
  const { exit, stderr } = await onHost('h1', 'holdfast', 'protect', vmUuid, '--level', 'restart')
  expect([exit, stderr]).toEqual([0, ''])
  await until('it is protected', LIMIT_MS, async () => (await statusOn('h2')).vms[0]?.health === 'protected')
})

const statusOn = async (host: string): Promise<StatusReport> =>
  JSON.parse((await onHost(host, 'holdfast', 'status', '--json')).stdout) as StatusReport

test('the same again changes nothing, with the invitation that is spent or without one', async () => {
  const spent = invitationIn(readFileSync(join(lab.dir, 'witness.log'), 'utf8'))
  for (const options of [['--witness', spent], []]) {
    const { exit, stdout } = await setUp('h1', ...options)
    expect(exit).toBe(0)
    expect(stdout.match(/unchanged {2,}unchanged/g)).toHaveLength(2)
  }
})

test('a pool with claims gets no other witness, and no other key', async () => {
  const other = await setUp('h1', '--witness', SECOND)
  expect([other.exit, other.stderr]).toEqual([2, expect.stringContaining(`are kept by the witness at ${ADDRESS}`)])
  const renewed = await setUp('h1', '--renew-key', '--witness', `${ADDRESS}/${'0'.repeat(32)}`)
  expect([renewed.exit, renewed.stderr]).toEqual([2, expect.stringMatching(/disks are in use on h[12], by workers/)])
  expect((await setUp('h1', '--renew-key')).stderr).toContain(`an invitation of the witness at ${ADDRESS}`)
})

test('a host with another key is refused, and named', async () => {
  const key = readFileSync(keyFile('h2'))
  writeFileSync(keyFile('h2'), `${randomBytes(32).toString('hex')}\n`)
  const { exit, stderr } = await setUp('h1')
  expect(exit).toBe(2)
  expect(stderr).toMatch(/another key already, and h2 has it/)
  writeFileSync(keyFile('h2'), key)
})

/** Another witness on the witness's machine, and its invitation. */
async function moreWitness(listen: string, name: string): Promise<string> {
  const data = join(folder, name)
  const at = ['--listen', listen, '--data', data]
  await lab.spawnIn('witness', [process.execPath, WITNESS, ...at], 'ignore')
  await until('it serves', LIMIT_MS, () => Promise.resolve(existsSync(join(data, 'invitation.json'))))
  return invited(...at)
}

/** No supervisor here starts a daemon again because its configuration has changed. */
async function restartDaemons(): Promise<void> {
  for (const host of ['h1', 'h2']) await lab.fault({ kind: 'process', host, process: 'holdfastd', how: 'kill' })
}

const specs = (host: string): string[] => {
  const workers = join(lab.paths.host(host).root, 'run/holdfast/workers')
  return readdirSync(workers).map((id) => readFileSync(join(workers, id, 'spec.json'), 'utf8'))
}
const toldOf = (witness: string) => (): Promise<boolean> =>
  Promise.resolve(['h1', 'h2'].every((host) => specs(host).every((spec) => spec.includes(witness))))

/** Protected, and decided so by both hosts' workers. */
const decidedBy = (role: string) => async (): Promise<boolean> => {
  for (const host of ['h1', 'h2']) {
    const { exit, stdout } = await onHost(host, 'holdfast', 'status', '--json')
    const vm = exit === 0 ? (JSON.parse(stdout) as StatusReport).vms[0] : undefined
    if (vm?.decidedBy !== role || vm.health !== 'protected') return false
  }
  return true
}

test('a second witness gets the key that there is, and workers are told of it', async () => {
  const second = await moreWitness(SECOND, 'second')
  const { exit, stdout } = await setUp('h1', '--alternate', second)
  expect([exit, stdout]).toEqual([0, expect.stringMatching(/h2 .* reachable +reachable/)])
  expect(configOf('h2')).toMatchObject({ witness: ADDRESS, alternateWitness: SECOND })
  await restartDaemons()
  await until('both workers have it in their specs', LIMIT_MS, toldOf(SECOND))
  await until('the first one decides', LIMIT_MS, decidedBy('preferred'))
})

test('of two witnesses a lost one is replaced, once the other one decides', async () => {
  const third = await moreWitness(THIRD, 'third')
  const early = await setUp('h1', '--witness', third)
  expect([early.exit, early.stderr]).toEqual([2, expect.stringMatching(/alternate witness decides about a VM not yet: orders/)])
  await lab.fault({ kind: 'witness' })
  await until('the second one decides', LIMIT_MS, decidedBy('alternate'))
  const { exit, stdout, stderr } = await setUp('h1', '--witness', third)
  expect([exit, stdout, stderr]).toEqual([0, expect.stringMatching(/h2 .* reachable +reachable/), expect.anything()])
  expect(configOf('h2')).toMatchObject({ witness: THIRD, alternateWitness: SECOND })
  await restartDaemons()
  await until('both workers have it in their specs', LIMIT_MS, toldOf(THIRD))
})
