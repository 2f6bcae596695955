/**
 * What docs/reference/lockstep-host.md asks of a host, of hosts of the lab: a redis goes from host to host by checkpoints, over one TCP
 * connection, while XAPI's idea of it follows.
 */
import type { ChildProcess } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { ensureGuestImage } from '../../lib/lab/guest/image/image'
import { GUEST_MEMORY_BYTES } from '../../lib/lab/guest/boot'
import type { Lab } from '../../lib/lab/rack/lab'
import { startLab } from '../../lib/lab/rack/up'
import { createDisklessVm } from '../../lib/lab/seed/guest-vm'
import { LocalApi } from '../../lib/lab/seed/local-api'
import { ROOT } from '../house/sources'
import { buildRack, type LabBuild } from './rack-build'
import { until } from './rack-eyes'
import { RedisLine, redisLineCommand } from './redis-line'

jest.setTimeout(180_000)

const ADDRESS = '10.77.3.10'
const GUEST_MS = 120_000
/** As long as a test may wait for a toolstack that starts. */
const POOL_MS = 60_000

let built: LabBuild
let lab: Lab
let vm = ''
let vmUuid = ''
let line: RedisLine
let asked = 0
const agents: ChildProcess[] = []

beforeAll(async () => {
  built = await buildRack()
  const programs = ['xapi', 'xl', 'standby'].map((name) => [name, join(ROOT, 'plugin/lab', `${name}.ts`)] as const)
  const entryPoints = { ...Object.fromEntries(programs), 'lockstep-agent': join(ROOT, 'tests/integration/lockstep-agent.ts') }
  await build({ bundle: true, platform: 'node', target: 'node20', logLevel: 'error', entryPoints, outdir: built.labBin })
  lab = await startLab({
    ...{ dir: join(built.folder, 'lab'), hosts: 2, labBin: built.labBin, product: false },
    ...{ guest: (await ensureGuestImage()).directory },
    times: { deadHostCallMs: 3000, promotionFuseMs: 300, promotionRestartMs: 100 },
  })
  const api = await session('h1')
  vm = await createDisklessVm(api, { name: 'orders', address: `${ADDRESS}/24` })
  vmUuid = await api.ref('VM.get_uuid', vm)
  // h1's toolstack outlives the guest there, and must not begin again with it.
  await api.call('VM.set_actions_after_crash', vm, 'destroy')
  await api.call('VM.start_on', vm, await hostRef(api, 'h1'), false, false)
  await until('redis answers', async () => (await once('PING')) === 'PONG', GUEST_MS)
  line = new RedisLine(await lab.spawnIn('client', redisLineCommand(ADDRESS), ['pipe', 'pipe', 'inherit']))
})
afterAll(async () => {
  for (const agent of agents) agent.kill('SIGKILL')
  await lab.down()
})
// A hook of its own, so that nothing stays when the lab did not even start.
afterAll(() => built.remove())

const socketOf = (host: string): string => lab.hosts.find(({ name }) => name === host)?.xapiSocket ?? ''
const session = (host: string): Promise<LocalApi> => LocalApi.login(socketOf(host), POOL_MS)
const hostRef = (api: LocalApi, host: string): Promise<string> =>
  api.ref('host.get_by_uuid', lab.hosts.find(({ name }) => name === host)?.uuid ?? '')

/** A connection of its own; what redis says to one command, '' for nothing. */
async function once(command: string): Promise<string> {
  const script = `const s = require('net').connect(6379, '${ADDRESS}', () => s.write('${command}\\r\\n'))
    s.setTimeout(500, () => process.exit()); s.on('error', () => process.exit())
    s.on('data', (data) => { process.stdout.write(data); process.exit() })`
  return (await lab.exec('client', [process.execPath, '-e', script])).stdout.trim().replace(/^[+:]/, '')
}

/** What XAPI shows of the VM, through that host. */
async function shown(through: string): Promise<{ state: string; host: string; domid: number; reserved: string }> {
  const api = await session(through)
  const name = async (ref: string): Promise<string> => (ref === 'OpaqueRef:NULL' ? '' : api.ref('host.get_name_label', ref))
  const found = {
    state: await api.ref('VM.get_power_state', vm),
    host: await name(await api.ref('VM.get_resident_on', vm)),
    domid: Number(await api.call('VM.get_domid', vm)),
    reserved: await name(await api.ref('VM.get_scheduled_to_be_resident_on', vm)),
  }
  await api.logout()
  return found
}

type Ask = (...words: string[]) => Promise<unknown>

async function agentOn(host: string): Promise<Ask> {
  const child = await lab.spawnIn(host, ['/opt/lab/bin/node', '/opt/lab/lockstep-agent.js'], ['pipe', 'pipe', 'inherit'])
  agents.push(child)
  if (child.stdout === null) throw new Error('the agent has no standard output')
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return async (...words) => {
    child.stdin?.write(`${words.join(' ')}\n`)
    const next: IteratorResult<string, unknown> = await answers.next()
    if (next.done === true) throw new Error(`the agent of ${host} is gone`)
    const answer = JSON.parse(next.value) as { ok?: unknown; error?: string }
    if (answer.error !== undefined) throw new Error(answer.error)
    return answer.ok
  }
}

const standbysOn = async (host: string): Promise<{ domid: number; vm: string; state: string }[]> => {
  const { stdout, stderr } = await lab.exec(host, ['holdfast-standby', 'list'])
  if (stderr !== '') throw new Error(stderr)
  return JSON.parse(stdout) as { domid: number; vm: string; state: string }[]
}

function carry(file: string, from: string, to: string): void {
  for (const name of [file, `${file}.runs`, `${file}.state`])
    copyFileSync(join(lab.paths.host(from).root, name), join(lab.paths.host(to).root, name))
}

async function count(): Promise<void> {
  line.ask('INCR counter')
  await line.answers(++asked)
}

/** The last of its checkpoints is that of a guest that did not go on: nothing it said is unknown to the standby. */
async function checkpointed(from: string, to: string): Promise<{ standby: Ask; domid: number }> {
  const [primary, standby] = [await agentOn(from), await agentOn(to)]
  const { domid } = await shown('h1')
  expect(await primary('watch', String(domid))).toMatchObject({ can: true, way: 'devices', memoryBytes: GUEST_MEMORY_BYTES })
  expect(await standby('lacks')).toBe(null)
  await standby('prepare', vmUuid, String(GUEST_MEMORY_BYTES), 'devices')
  for (const file of ['/root/first', '/root/second']) {
    await count()
    await primary('checkpoint', file)
    carry(file, from, to)
    await standby('fill', file)
    if (file === '/root/first') await primary('resume')
  }
  const [waiting] = await standbysOn(to)
  expect(waiting).toMatchObject({ vm: vmUuid, state: 'waiting' })
  return { standby, domid: waiting?.domid ?? 0 }
}

/** Asked of a guest that stands, and then is no more: its standby answers. */
async function goesOn({ standby }: { standby: Ask }, kill: () => Promise<unknown>): Promise<void> {
  line.ask('INCR counter')
  await kill()
  await standby('load', '/root/second')
  await standby('run')
  await line.answers(++asked)
  await count()
  expect(line.lines()).toEqual(Array.from({ length: asked }, (_, n) => `:${n + 1}`))
}

test('a waiting copy is no domain, its memory is reserved, and there is one at a time', async () => {
  const agent = await agentOn('h2')
  await expect(agent('prepare', vmUuid, '4096', 'devices')).rejects.toThrow(`has ${GUEST_MEMORY_BYTES} bytes of memory, not 4096`)
  expect(await shown('h1')).toMatchObject({ state: 'Running', host: 'h1', reserved: '' })
  await agent('prepare', vmUuid, String(GUEST_MEMORY_BYTES), 'devices')
  const [first] = await standbysOn('h2')
  const again = await agentOn('h2')
  await again('prepare', vmUuid, String(GUEST_MEMORY_BYTES), 'devices')
  const [second, ...others] = await standbysOn('h2')
  expect(others).toEqual([])
  expect(second?.domid).toBeGreaterThan(first?.domid ?? 0)
  expect((await lab.exec('h2', ['xl', 'list'])).stdout).not.toContain('orders')
  expect(await shown('h1')).toMatchObject({ state: 'Running', host: 'h1', reserved: 'h2' })
  await again('end')
  expect(await standbysOn('h2')).toEqual([])
  expect((await lab.exec('h2', ['sh', '-c', 'ls /dev/shm; ls /var/run/xen'])).stdout).toBe('lockstep-agent\n')
  expect(await shown('h1')).toMatchObject({ state: 'Running', host: 'h1', reserved: '' })
  await count()
})

test('the guest goes on when its QEMU is killed', async () => {
  const waiting = await checkpointed('h1', 'h2')
  await goesOn(waiting, () => lab.fault({ kind: 'process', host: 'h1', process: 'qemu-system-x86_64', how: 'kill' }))
  await until('XAPI shows it', async () => (await shown('h1')).host === 'h2', POOL_MS)
  expect(await shown('h1')).toEqual({ state: 'Running', host: 'h2', domid: waiting.domid, reserved: '' })
  await until('that is noted', async () => (await standbysOn('h2')).length === 0, POOL_MS)
  expect((await lab.exec('h2', ['xl', 'list'])).stdout).toMatch(new RegExp(`^orders +${waiting.domid} `, 'm'))
})

test('the guest goes on when its host loses power while XAPI shows it there', async () => {
  const waiting = await checkpointed('h2', 'h1')
  await goesOn(waiting, () => lab.powerOff('h2'))
  await until('XAPI shows it', async () => (await shown('h1')).host === 'h1', POOL_MS)
  await lab.boot('h2')
  await until(
    'h2 is back',
    async () => {
      const api = await session('h1')
      const isEnabled = await api.call('host.get_enabled', await hostRef(api, 'h2'))
      await api.logout()
      return isEnabled === true
    },
    POOL_MS,
  )
  expect(await shown('h1')).toEqual({ state: 'Running', host: 'h1', domid: waiting.domid, reserved: '' })
  await count()
})

test('the guest goes on when the coordinator dies with its host, and the next one learns of it', async () => {
  const waiting = await checkpointed('h1', 'h2')
  const api = await session('h1')
  await api.call('pool.sync_database')
  await goesOn(waiting, () => lab.powerOff('h1'))
  expect(await standbysOn('h2')).toMatchObject([{ domid: waiting.domid, state: 'arrived' }])
  expect(await lab.xe(['pool-emergency-transition-to-master'], 'h2')).toMatchObject({ exit: 0 })
  await until('XAPI shows it', async () => (await answers('h2')) && (await shown('h2')).host === 'h2', POOL_MS)
  expect(await shown('h2')).toEqual({ state: 'Running', host: 'h2', domid: waiting.domid, reserved: '' })
  await until('that is noted', async () => (await standbysOn('h2')).length === 0, POOL_MS)
  await count()
})

/** A toolstack that starts refuses, or resets. */
async function answers(host: string): Promise<boolean> {
  try {
    await (await session(host)).logout()
    return true
  } catch {
    return false
  }
}
