import type { ChildProcess } from 'node:child_process'
import { existsSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import type { DomainDisk, DomainSpec } from '../../lib/lab/contract'
import { readJournal } from '../../lib/lab/client/journal'
import type { Verdict } from '../../lib/lab/client/verify'
import { GUEST_MEMORY_BYTES, GUEST_READY, guestArguments } from '../../lib/lab/guest/boot'
import { ensureGuestImage, type GuestImage } from '../../lib/lab/guest/image/image'
import { exited, GuestRig, until, type Agent } from './guest-rig'

jest.setTimeout(180_000)

const VM = '5f2a1d10-7f0e-4a55-9d3b-0e4f5a6b7c01'
const ADDRESS = '10.77.3.10'

let image: GuestImage
let rig: GuestRig
let agent: Agent

beforeAll(async () => {
  image = await ensureGuestImage()
  rig = new GuestRig()
  await rig.open()
  writeFileSync(rig.path('disk'), '')
  truncateSync(rig.path('disk'), 256 << 20)
  agent = rig.agent()
  await agent.call('watch')
})
afterAll(() => rig.close())

const fileDisk = (): DomainDisk => ({ userdevice: '0', source: { kind: 'file', path: rig.path('disk') }, readOnly: false })
const nbdDisk = (): DomainDisk => ({
  userdevice: '0',
  source: { kind: 'nbd', socket: rig.path('nbd.sock'), exportName: 'orders' },
  readOnly: false,
})

const specFor = (disk: DomainDisk): DomainSpec => ({
  ...{ vmUuid: VM, name: 'orders', memoryBytes: GUEST_MEMORY_BYTES, vcpus: 1, kernel: image.kernel, ramdisk: image.ramdisk },
  args: guestArguments(`${ADDRESS}/24`),
  disks: [disk],
  nics: [{ device: '0', mac: '52:54:00:0a:0b:0c', bridge: 'br0' }],
})

async function boot(disk: DomainDisk): Promise<number> {
  const domid = await agent.call('create', specFor(disk))
  await agent.call('unpause', domid)
  return domid
}

const ready = (domid: number): Promise<void> =>
  until('the guest answers', async () => (await agent.call('consoleText', domid)).includes(GUEST_READY))
const client = (verb: string, ...more: string[]): string[] => [
  process.execPath,
  rig.path('client.js'),
  verb,
  '--host',
  ADDRESS,
  '--journal',
  rig.path('journal'),
  ...more,
]
const acknowledged = (): number =>
  existsSync(rig.path('journal')) ? readJournal(rig.path('journal')).acknowledgements.length : 0

async function writeUntil(enough: () => Promise<void>): Promise<void> {
  const writer = rig.spawn(...client('write', '--pace', '1'))
  await enough()
  await rig.signal(writer, 'SIGTERM')
}

async function verify(): Promise<Verdict> {
  const { exit, stdout } = await rig.output(...client('verify'))
  const verdict = JSON.parse(stdout) as Verdict
  expect(exit).toBe(verdict.missing.length + verdict.different.length > 0 ? 1 : 0)
  return verdict
}

test('a guest keeps its data over a clean shutdown, and a toolstack that comes back finds it', async () => {
  const domid = await boot(fileDisk())
  await ready(domid)
  await writeUntil(() => until('records are written', () => acknowledged() >= 20))

  await rig.signal(agent.child, 'SIGKILL')
  agent = rig.agent()
  await agent.call('watch')
  expect(await agent.call('list')).toMatchObject([{ domid, vmUuid: VM, paused: false }])
  expect((await agent.call('xl', 'pause', 'orders')).exit).toBe(0)
  expect(await agent.call('list')).toMatchObject([{ domid, paused: true }])
  expect((await agent.call('xl', 'list')).stdout).toMatch(/^orders +\d+ +160 +1\t--p--- +\d+\.\d$/m)
  expect((await agent.call('xl', 'unpause', String(domid))).exit).toBe(0)

  expect(await verify()).toMatchObject({ missing: [], different: [] })
  await agent.call('shutdown', domid, 30_000)
  expect(await agent.call('list')).toEqual([])
  expect(agent.ends).toEqual([])
})

test('a guest that reboots itself is told of as a reboot, and its disk holds what was written before', async () => {
  const domid = await boot(fileDisk())
  await ready(domid)
  expect(await verify()).toMatchObject({ missing: [], different: [] })
  const absent: DomainDisk = { userdevice: '1', source: { kind: 'file', path: rig.path('absent') }, readOnly: false }
  await expect(agent.call('plugDisk', domid, absent)).rejects.toThrow(/absent.*No such file/)
  await rig.type(domid, 'reboot')
  await until('the end is told', () => agent.ends.length === 1)
  expect(agent.ends.splice(0)).toEqual([{ domid, vmUuid: VM, end: 'reboot' }])
})

test('an NBD server that is killed and started again costs no I/O error and no record', async () => {
  const servers: ChildProcess[] = []
  const options = ['--export-name', 'orders', '--format', 'raw', '--persistent', '--socket', rig.path('nbd.sock')]
  const serve = () => servers.push(rig.outside('qemu-nbd', ...options, rig.path('disk')))
  const kill = async () => {
    for (const server of servers.splice(0)) {
      server.kill('SIGKILL')
      await exited(server)
    }
  }
  serve()
  await until('the NBD server listens', () => existsSync(rig.path('nbd.sock')))
  const domid = await boot(nbdDisk())
  await ready(domid)
  await writeUntil(async () => {
    const before = acknowledged()
    await until('records are written', () => acknowledged() > before + 20)
    await kill()
    serve()
    const after = acknowledged()
    await until('records are written again', () => acknowledged() > after + 20)
  })
  expect(await verify()).toMatchObject({ missing: [], different: [] })
  expect(await agent.call('consoleText', domid)).not.toMatch(/I\/O error|EXT4-fs error/)
  await rig.type(domid, 'poweroff')
  await until('the end is told', () => agent.ends.length === 1)
  expect(agent.ends.splice(0)).toEqual([{ domid, vmUuid: VM, end: 'shutdown' }])
  await kill()
})

test('a domain whose disk hangs is paused and destroyed without waiting for the disk', async () => {
  const options = ['--export-name', 'orders', '--format', 'raw', '--persistent', '--socket', rig.path('nbd.sock')]
  const server = rig.outside('qemu-nbd', ...options, rig.path('disk'))
  await until('the NBD server listens', () => existsSync(rig.path('nbd.sock')))
  const domid = await boot(nbdDisk())
  await ready(domid)
  const writer = rig.spawn(...client('write', '--pace', '0'))
  const before = acknowledged()
  await until('records are written', () => acknowledged() > before + 20)
  server.kill('SIGSTOP')
  expect(await agent.call('xl', 'pause', String(domid))).toEqual({ exit: 0, stdout: '', stderr: '' })
  expect(await agent.call('list')).toMatchObject([{ domid, paused: true }])
  // QEMU itself hears nobody now.
  expect(await agent.call('xl', 'pause', String(domid))).toEqual({ exit: 0, stdout: '', stderr: '' })
  expect(await agent.call('xl', 'destroy', String(domid))).toEqual({ exit: 0, stdout: '', stderr: '' })
  await until('the end is told', () => agent.ends.length === 1)
  expect(agent.ends.splice(0)).toEqual([{ domid, vmUuid: VM, end: 'shutdown' }])
  await rig.signal(writer, 'SIGTERM')
  server.kill('SIGKILL')
  await exited(server)
})

test('a kernel panic is a crash; a domain destroyed through xl is told of by the toolstack that comes back', async () => {
  const panicking = await boot(fileDisk())
  await ready(panicking)
  await rig.type(panicking, 'echo c > /proc/sysrq-trigger')
  await until('the end is told', () => agent.ends.length === 1)
  expect(agent.ends.splice(0)).toEqual([{ domid: panicking, vmUuid: VM, end: 'crash' }])

  const doomed = await boot(fileDisk())
  expect(doomed).toBeGreaterThan(panicking)
  await rig.signal(agent.child, 'SIGKILL')
  agent = rig.agent()
  expect((await agent.call('xl', 'destroy', String(doomed))).exit).toBe(0)
  expect((await agent.call('xl', 'destroy', String(doomed))).stderr).toContain('invalid domain identifier')
  await agent.call('watch')
  await until('the end is told', () => agent.ends.length === 1)
  expect(agent.ends).toEqual([{ domid: doomed, vmUuid: VM, end: 'shutdown' }])
  const { stdout } = await rig.output('ip', '-brief', 'link')
  expect(stdout).not.toContain('vif')
})

test('a machine that was being built when its toolstack died is cleared away', async () => {
  const domid = await agent.call('create', specFor(fileDisk()))
  // Not by name: the remains of a process keep theirs until somebody reaps them.
  const leftovers = ['/bin/sh', '-c', 'ip link; cat /proc/[0-9]*/cmdline']
  expect((await rig.output(...leftovers)).stdout).toMatch(/vif[^]*qemu-system/)
  await rig.signal(agent.child, 'SIGKILL')
  rmSync(rig.path(`state/${domid}/domain.json`))
  agent = rig.agent()
  await agent.call('watch')
  await until('it is gone', async () => !/vif|qemu-system/.test((await rig.output(...leftovers)).stdout))
  expect(agent.ends).toEqual([])
  expect(await agent.call('create', specFor(fileDisk()))).toBe(domid + 1)
  await agent.call('destroy', domid + 1)
})

test('a machine whose disk is not there does not come up, and says why', async () => {
  const missing: DomainDisk = { userdevice: '0', source: { kind: 'file', path: rig.path('nowhere') }, readOnly: false }
  await expect(boot(missing)).rejects.toThrow(/nowhere.*No such file/s)
  expect(await agent.call('list')).toEqual([])
})
