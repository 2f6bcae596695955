import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { qemuOutput } from '../../lib/dom0/qemu/qemu-output'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { loadState, standbyArguments } from '../../lib/dom0/qemu/qemu-standby'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import { ReplayFilters } from '../../lib/dom0/qemu/replay-filters'
import type { GuestFrame } from '../../lib/ports/guest-output'
import { until } from './guest-rig'
import { frameOf, numberOf, receivedOf, SendingMachine } from './sending-machine'
import { NE2000, VIRTIO } from './sending-programs'

const LIMIT_MS = 10_000
const HEAD_BYTES = 8
const RARP = 0x8035
/** The guest counts from 1, and does not come that far. */
const FAR = 0xf000_0000

let folder = ''
const machines: SendingMachine[] = []
const monitors: Qmp[] = []

beforeEach(() => void (folder = mkdtempSync('/dev/shm/traffic-')))
afterEach(async () => {
  for (const monitor of monitors.splice(0)) monitor.close()
  for (const machine of machines.splice(0)) await machine.kill()
  rmSync(folder, { recursive: true })
})

function machineOf(program: typeof NE2000, name: string, more: readonly string[] = []): SendingMachine {
  const own = join(folder, name)
  mkdirSync(own)
  const machine = new SendingMachine(own, program, more)
  machines.push(machine)
  return machine
}

async function monitorOf({ monitor }: SendingMachine): Promise<Qmp> {
  const qmp = await Qmp.open(monitor, LIMIT_MS)
  monitors.push(qmp)
  return qmp
}

/** As it is redirected: without a virtio header. */
function redirected(frame: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt32BE(frame.length)
  return Buffer.concat([head, frame])
}

const isRarp = (frame: Buffer): boolean => frame.readUInt16BE(12) === RARP

test('what comes for a guest is told as it came, and the guest has it, too', async () => {
  const machine = machineOf(NE2000, 'guest')
  await machine.start()
  const [sent, came]: [GuestFrame[], GuestFrame[]] = [[], []]
  const events = { sent: (each: GuestFrame) => void sent.push(each), came: (each: GuestFrame) => void came.push(each) }
  const output = await qemuOutput({ qmp: await monitorOf(machine), folder })({ ...events, failed: () => undefined })
  const frames = [1, 2, 3].map((number) => frameOf(FAR + number, 0))
  const heard = (): number => receivedOf(sent.at(-1)?.bytes.subarray(HEAD_BYTES) ?? frameOf(0, 0))
  for (const [at, frame] of frames.entries()) {
    machine.send(frame)
    await until('the guest has it', () => heard() === at + 1)
  }
  expect(came).toEqual(frames.map((frame) => ({ nic: 0, bytes: redirected(frame) })))
  await output.end()
})

test.each([
  ['an old card', NE2000],
  ['a card of virtio', VIRTIO],
])('a standby with %s sends again what was sent, and has what came, when it goes on and not before', async (_what, program) => {
  const machine = machineOf(program, 'guest')
  await machine.start()
  const qmp = await monitorOf(machine)
  const found = await probeQemu(qmp)
  if (!found.can) throw new Error(found.why.join())
  // A network that is slow to take a frame would move the card's queue on while the guest stands.
  await qemuOutput({ qmp, folder })({ sent: () => undefined, came: () => undefined, failed: () => undefined })
  const capture = await QemuCapture.begin({ qmp, found, folder, native: null })
  await capture.pause()
  const { state } = await capture.capture(Buffer.alloc(found.memoryBytes))
  const standby = machineOf(program, 'standby', standbyArguments('devices'))
  await standby.load()
  const other = await monitorOf(standby)
  const replay = await ReplayFilters.add(other, folder)
  copyFileSync(machine.memory, standby.memory)
  await loadState(other, state, folder)

  const again = [1, 2, 3].map((number) => frameOf(FAR + number, 0))
  const frames = (those: readonly Buffer[]): GuestFrame[] => those.map((each) => ({ nic: 0, bytes: redirected(each) }))
  const elsewhere = { nic: 1, bytes: redirected(frameOf(FAR + 9, 0)) }
  replay.replay({ sent: [elsewhere, ...frames(again)], came: [elsewhere, ...frames([frameOf(1, 0)])] })
  for (let question = 0; question < 10; question++) await other.execute('query-status', {}, LIMIT_MS)
  expect(standby.wire).toEqual([])

  await other.execute('cont', {}, LIMIT_MS)
  const ofGuest = (): Buffer[] => standby.wire.filter((each) => !isRarp(each))
  await until('what was sent', () => ofGuest().filter((each) => numberOf(each) >= FAR).length === again.length)
  expect(ofGuest().filter((each) => numberOf(each) >= FAR)).toEqual(again)
  // The other program does not count them.
  if (program === NE2000) await until('what came', () => ofGuest().some((each) => numberOf(each) < FAR && receivedOf(each) === 1))

  await replay.remove()
  const told = [
    await other.execute('qom-list', { path: '/objects' }, LIMIT_MS),
    await other.execute('query-chardev', {}, LIMIT_MS),
  ]
  expect(JSON.stringify(told)).not.toContain('holdfast-replay')
  const [before] = ofGuest().slice(-1)
  await until('the guest goes on sending', () => ofGuest().at(-1) !== before)
  await capture.end()
})
