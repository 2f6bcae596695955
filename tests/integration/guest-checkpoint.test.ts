/** Guests of the lab as the lab starts them: what a checkpoint needs of them, and what it does to a disk that is written. */
import type { ChildProcess } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { prepareStandby } from '../../lib/dom0/qemu/prepare-standby'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import type { StandbyHost } from '../../lib/dom0/qemu/standby-host'
import type { CaptureFinding } from '../../lib/ports/capture'
import type { StandbySpec } from '../../lib/ports/standby-machine'
import type { DomainSpec } from '../../lib/lab/contract'
import { readJournal } from '../../lib/lab/client/journal'
import { GUEST_MEMORY_BYTES, GUEST_READY, guestArguments } from '../../lib/lab/guest/boot'
import { ensureGuestImage, type GuestImage } from '../../lib/lab/guest/image/image'
import { exited, GuestRig, until, type Agent } from './guest-rig'
import { RedisLine, redisLineCommand } from './redis-line'

jest.setTimeout(180_000)

const VM = '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c02'
const ADDRESS = '10.77.3.11'
const LIMIT_MS = 30_000

let image: GuestImage
let rig: GuestRig
let agent: Agent
let server: ChildProcess
const DISK_BYTES = 256 << 20

beforeAll(async () => {
  image = await ensureGuestImage()
  rig = new GuestRig()
  await rig.open()
  server = await serve('nbd.sock', blank('disk'))
  agent = rig.agent()
  await agent.call('watch')
})
afterAll(() => rig.close())

function blank(name: string): string {
  writeFileSync(rig.path(name), '')
  truncateSync(rig.path(name), DISK_BYTES)
  return rig.path(name)
}

async function serve(socket: string, disk: string): Promise<ChildProcess> {
  const options = ['--export-name', 'orders', '--format', 'raw', '--persistent', '--socket', rig.path(socket)]
  const started = rig.outside('qemu-nbd', ...options, disk)
  await until('the NBD server listens', () => existsSync(rig.path(socket)))
  return started
}

async function boot(): Promise<{ domid: number; qmp: Qmp; found: Extract<CaptureFinding, { can: true }> }> {
  const domid = await agent.call('create', spec())
  await agent.call('unpause', domid)
  await until('the guest answers', async () => (await agent.call('consoleText', domid)).includes(GUEST_READY))
  const qmp = await Qmp.open(rig.path(`sockets/qmp-libxl-${domid}`), LIMIT_MS)
  const found = await probeQemu(qmp)
  if (!found.can) throw new Error(found.why.join('; '))
  return { domid, qmp, found }
}

const spec = (): DomainSpec => ({
  ...{ vmUuid: VM, name: 'orders', memoryBytes: GUEST_MEMORY_BYTES, vcpus: 1, kernel: image.kernel, ramdisk: image.ramdisk },
  args: guestArguments(`${ADDRESS}/24`),
  disks: [{ userdevice: '0', source: { kind: 'nbd', socket: rig.path('nbd.sock'), exportName: 'orders' }, readOnly: false }],
  nics: [{ device: '0', mac: '52:54:00:0a:0b:0d', bridge: 'br0' }],
})

const client = (verb: string, ...more: string[]): string[] => [
  ...[process.execPath, rig.path('client.js'), verb, '--host', ADDRESS, '--journal', rig.path('journal'), ...more],
]
const acknowledged = (): number =>
  existsSync(rig.path('journal')) ? readJournal(rig.path('journal')).acknowledgements.length : 0

test('a guest that writes its disk is captured while it does, and one whose disk hangs stands still only when that answers', async () => {
  const { domid, qmp, found } = await boot()
  expect(found).toMatchObject({ way: 'devices', memoryBytes: GUEST_MEMORY_BYTES })
  expect(statSync(found.memoryFile)).toMatchObject({ size: GUEST_MEMORY_BYTES, mode: 0o100600 })

  const writer = rig.spawn(...client('write', '--pace', '0'))
  await until('records are written', () => acknowledged() > 20)
  mkdirSync(`${rig.memory}/capture`)
  const capture = await QemuCapture.begin({ qmp, found, folder: `${rig.memory}/capture` })
  const into = Buffer.alloc(GUEST_MEMORY_BYTES)
  await capture.look(into)
  const pauses: number[] = []
  for (let checkpoint = 0; checkpoint < 10; checkpoint++) {
    const before = acknowledged()
    await until('another record is written', () => acknowledged() > before)
    const from = performance.now()
    expect(await capture.pause()).toBe('paused')
    pauses.push(performance.now() - from)
    const { state, pages } = await capture.capture(into)
    expect(pages.rest).toEqual([])
    expect(state.length).toBeGreaterThan(10_000)
    await capture.resume()
  }
  process.stderr.write(`stop, with a write under way: ${pauses.map((ms) => ms.toFixed(1)).join(' ')} ms\n`)

  // `stop` waits for what is under way, and flushes.
  server.kill('SIGSTOP')
  let isPaused = false
  const pausing = capture.pause().then(() => (isPaused = true))
  await until('its vCPUs stand', async () => (await agent.call('list'))[0]?.paused === true)
  expect(isPaused).toBe(false)
  server.kill('SIGCONT')
  await pausing
  await capture.resume()
  const before = acknowledged()
  await until('it goes on', () => acknowledged() > before)
  await rig.signal(writer, 'SIGTERM')
  await capture.end()

  await agent.call('destroy', domid)
  rmSync(`${rig.memory}/capture`, { recursive: true })
  expect(readdirSync(rig.memory)).toEqual([])
  expect(readdirSync(rig.path('sockets'))).toEqual([])
})

test('a standby goes on with the memory, the connection and the disk of one that was killed', async () => {
  const { domid, qmp, found } = await boot()
  mkdirSync(`${rig.memory}/h1`)
  mkdirSync(`${rig.memory}/h2`)
  const host: StandbyHost = {
    lacks: () => Promise.resolve(null),
    prepare: async ({ run, way }) => {
      const standby = await agent.call('prepare', domid, DISK_BYTES, { run, way })
      const disks = [{ volume: 'orders', node: 'disk-0', bytes: DISK_BYTES, readOnly: false }]
      return { domid: String(standby.domid), monitor: standby.monitor, memoryFile: standby.memoryFile, disks }
    },
    run: (id) => agent.call('arrive', Number(id)),
    end: async (id) => {
      await agent.call('endStandby', Number(id))
    },
  }
  const served = (volume: string) => ({ socket: rig.path('other.sock'), exportName: volume })
  const prepare = prepareStandby({ host, folder: `${rig.memory}/h2`, served })
  const standbySpec: StandbySpec = { vm: VM, run: 1, memoryBytes: found.memoryBytes, way: found.way }
  const spare = await prepare(standbySpec)
  await spare.end()
  expect(await agent.call('standbys')).toEqual([])
  const standby = await prepare(standbySpec)
  expect(await agent.call('list')).toMatchObject([{ domid }])

  const line = new RedisLine(rig.spawn(...redisLineCommand(ADDRESS)))
  line.ask('INCR counter')
  await line.answers(1)
  const capture = await QemuCapture.begin({ qmp, found, folder: `${rig.memory}/h1` })
  const into = Buffer.alloc(found.memoryBytes)
  await standby.fill((await capture.look(into)).parts)
  let state: Buffer = Buffer.alloc(0)
  for (let checkpoint = 0; checkpoint < 2; checkpoint++) {
    // This one is not allowed to go on: what it sent after it would not be known to the other one.
    if (checkpoint > 0) await capture.resume()
    line.ask('INCR counter')
    await line.answers(checkpoint + 2)
    expect(await capture.pause()).toBe('paused')
    const captured = await capture.capture(into)
    await standby.fill(captured.pages.parts)
    state = captured.state
  }
  const prepared = (await agent.call('standbys'))[0]?.domid ?? 0
  const [theirs, ours] = [found.memoryFile, `${rig.memory}/domain-${prepared}.memory`].map((path) => readFileSync(path))
  expect(ours?.equals(theirs ?? Buffer.alloc(0))).toBe(true)
  line.ask('INCR counter')
  await agent.call('destroy', domid)
  await capture.end()

  copyFileSync(rig.path('disk'), rig.path('other'))
  const other = await serve('other.sock', rig.path('other'))
  const from = performance.now()
  await standby.load(state, { sent: [], came: [] })
  const loaded = performance.now()
  await standby.run(() => undefined)
  process.stderr.write(`loaded in ${(loaded - from).toFixed(1)} ms, runs after ${(performance.now() - from).toFixed(1)} ms\n`)
  expect(await line.answers(4)).toEqual([':1', ':2', ':3', ':4'])
  expect(await agent.call('list')).toMatchObject([{ domid: prepared, vmUuid: VM, paused: false }])
  line.ask('INCR counter')
  await line.answers(5)
  // appendfsync always: what was answered is on the disk that took the stand-in's place.
  const kept = readFileSync(rig.path('other')).toString('latin1').split('INCR\r\n$7\r\ncounter').length
  const before = readFileSync(rig.path('disk')).toString('latin1').split('INCR\r\n$7\r\ncounter').length
  expect(kept - before).toBe(2)
  expect(await agent.call('consoleText', prepared)).not.toMatch(/I\/O error|EXT4-fs error/)
  await agent.call('shutdown', prepared, LIMIT_MS)
  other.kill('SIGKILL')
  await exited(other)
})

afterAll(async () => {
  server.kill('SIGKILL')
  await exited(server)
})
