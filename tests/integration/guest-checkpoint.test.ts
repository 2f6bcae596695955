/** Guests of the lab as the lab starts them: what a checkpoint needs of them, and what it does to a disk that is written. */
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import type { DomainSpec } from '../../lib/lab/contract'
import { readJournal } from '../../lib/lab/client/journal'
import { GUEST_MEMORY_BYTES, GUEST_READY, guestArguments } from '../../lib/lab/guest/boot'
import { ensureGuestImage, type GuestImage } from '../../lib/lab/guest/image/image'
import { exited, GuestRig, until, type Agent } from './guest-rig'

jest.setTimeout(180_000)

const VM = '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c02'
const ADDRESS = '10.77.3.11'
const LIMIT_MS = 30_000

let image: GuestImage
let rig: GuestRig
let agent: Agent
let server: ChildProcess

beforeAll(async () => {
  image = await ensureGuestImage()
  rig = new GuestRig()
  await rig.open()
  writeFileSync(rig.path('disk'), '')
  truncateSync(rig.path('disk'), 256 << 20)
  const options = ['--export-name', 'orders', '--format', 'raw', '--persistent', '--socket', rig.path('nbd.sock')]
  server = rig.outside('qemu-nbd', ...options, rig.path('disk'))
  await until('the NBD server listens', () => existsSync(rig.path('nbd.sock')))
  agent = rig.agent()
  await agent.call('watch')
})
afterAll(() => rig.close())

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
  const domid = await agent.call('create', spec())
  await agent.call('unpause', domid)
  await until('the guest answers', async () => (await agent.call('consoleText', domid)).includes(GUEST_READY))
  const qmp = await Qmp.open(rig.path(`sockets/qmp-libxl-${domid}`), LIMIT_MS)
  const found = await probeQemu(qmp)
  expect(found).toMatchObject({ can: true, way: 'devices', memoryBytes: GUEST_MEMORY_BYTES })
  if (!found.can) throw new Error('it can')
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
  expect(readdirSync(rig.memory)).toEqual(['capture'])
  expect(readdirSync(rig.path('sockets'))).toEqual([])
})

afterAll(async () => {
  server.kill('SIGKILL')
  await exited(server)
})
