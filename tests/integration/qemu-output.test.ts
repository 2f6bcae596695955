import type { ChildProcess } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filterNames } from '../../lib/dom0/qemu/output-filters'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { qemuOutput } from '../../lib/dom0/qemu/qemu-output'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { loadState, standbyArguments } from '../../lib/dom0/qemu/qemu-standby'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import type { GuestOutput, GuestFrame } from '../../lib/ports/guest-output'
import { exited, until } from './guest-rig'
import { holdingProcess } from './holding-process'
import { frameOf, numberOf, receivedOf, SendingMachine } from './sending-machine'
import { NE2000, VIRTIO } from './sending-programs'

const LIMIT_MS = 10_000
/** As QEMU writes it: the frame's length, and that of its virtio header, which this guest's frames have none of. */
const HEAD_BYTES = 8
const RARP = 0x8035
const SECOND = ['-netdev', 'user,id=second', '-device', 'ne2k_isa,netdev=second,iobase=0x340,irq=5']

let folder = ''
let machine: SendingMachine
let qmp: Qmp
const monitors: Qmp[] = []
const holders: ChildProcess[] = []

beforeEach(() => begin(NE2000))
afterEach(end)

async function begin(program: typeof NE2000): Promise<void> {
  await end()
  folder = mkdtempSync('/dev/shm/held-')
  machine = new SendingMachine(folder, program)
  await machine.start()
  qmp = await opened()
}
async function end(): Promise<void> {
  for (const monitor of monitors.splice(0)) monitor.close()
  for (const holder of holders.splice(0)) holder.kill('SIGKILL')
  if (folder === '') return
  await machine.kill()
  rmSync(folder, { recursive: true })
  folder = ''
}

async function opened(): Promise<Qmp> {
  const monitor = await Qmp.open(machine.monitor, LIMIT_MS)
  monitors.push(monitor)
  return monitor
}

interface Holder {
  readonly output: GuestOutput
  readonly sent: GuestFrame[]
  readonly failed: string[]
}

async function holding(): Promise<Holder> {
  const [sent, failed]: [GuestFrame[], string[]] = [[], []]
  const [came, keep] = [() => undefined, (frame: GuestFrame) => void sent.push(frame)]
  const events = { sent: keep, came, failed: (error: string) => void failed.push(error) }
  const output = await qemuOutput({ qmp, folder })(events)
  return { output, sent, failed }
}

const frame = (sent: GuestFrame | undefined): Buffer => sent?.bytes.subarray(HEAD_BYTES) ?? Buffer.alloc(0)
const isRarp = (bytes: Buffer): boolean => bytes.readUInt16BE(12) === RARP
const last = <T>(all: readonly T[]): T => {
  const found = all.at(-1)
  if (found === undefined) throw new Error('nothing came')
  return found
}
/** The guest sends so many more; as its memory says. */
async function guestSends(frames: number): Promise<void> {
  const from = machine.numbers.sent
  await until(`${frames} more frames of the guest`, () => machine.numbers.sent - from > frames)
}

/** Numbers of the frames that came out from this one on. What the guest has sent before may still wait in QEMU for its network. */
const passed = (first: number): readonly number[] => machine.wire.map(numberOf).filter((number) => number >= first)
const numbersOf = (frames: readonly GuestFrame[]): readonly number[] => frames.map((each) => numberOf(frame(each)))
async function firstOf({ sent }: Holder): Promise<number> {
  await until('a held frame', () => sent.length > 0)
  return numberOf(frame(sent[0]))
}

/** Nothing of ours is left in QEMU. */
async function isGone(): Promise<boolean> {
  const told = JSON.stringify([
    await qmp.execute('qom-list', { path: '/objects' }, LIMIT_MS),
    await qmp.execute('query-chardev', {}, LIMIT_MS),
  ])
  return !told.includes('holdfast-output')
}

/** Nobody reads while this lasts, so that sockets get full. */
function busyFor(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until;);
}

test('nothing leaves before it is released, and what is leaves as it was sent', async () => {
  const holder = await holding()
  const first = await firstOf(holder)
  await guestSends(5000)
  expect(passed(first)).toEqual([])

  const some = holder.sent.slice(0, 500)
  holder.output.release(some)
  await until('the released ones', () => passed(first).length >= some.length)
  await guestSends(5000)
  expect(passed(first)).toEqual(some.map((_, at) => first + at))
  const out = machine.wire.filter((bytes) => numberOf(bytes) >= first)
  expect(out.every((bytes) => bytes.equals(frameOf(numberOf(bytes), 0)))).toBe(true)
  expect(holder.sent.every(({ nic }) => nic === 0)).toBe(true)
  expect(holder.failed).toEqual([])
})

test('what comes for the guest is not held', async () => {
  const { sent } = await holding()
  for (let count = 1; count <= 5; count++) {
    machine.send(frameOf(count, 0))
    await until(`the guest has received ${count}`, () => sent.length > 0 && receivedOf(frame(last(sent))) === count)
  }
})

describe.each([
  ['reads', 0],
  ['is busy', 30],
])('a holder that %s has all that was sent when the guest stands, and no more comes until it goes on', (_what, busyMs) => {
  async function stopping(check: (number: number) => void): Promise<void> {
    const { output, sent, failed } = await holding()
    for (let stop = 0; stop < 15; stop++) {
      await guestSends(1 + stop * 19)
      const stopped = qmp.execute('stop', {}, LIMIT_MS)
      await new Promise((resolve) => setImmediate(resolve))
      busyFor(busyMs)
      await stopped
      await output.settled()
      const count = sent.length
      const numbers = machine.numbers
      check(numberOf(frame(last(sent))))
      for (let question = 0; question < 10; question++) await qmp.execute('query-status', {}, LIMIT_MS)
      expect(sent.length).toBe(count)
      expect(machine.numbers).toEqual(numbers)
      await qmp.execute('cont', {}, LIMIT_MS)
      sent.splice(0, count - 1)
    }
    expect(failed).toEqual([])
  }

  test('sent by a processor', () =>
    stopping((number) => expect([machine.numbers.sending, machine.numbers.sent]).toContain(number)))

  test('taken by a device of its own accord', async () => {
    await begin(VIRTIO)
    await stopping((number) => expect(number & 0xffff).toBe(machine.numbers.used))
  })
})

test('of a guest that runs nothing is settled', async () => {
  const { output } = await holding()
  await expect(output.settled()).rejects.toMatchObject({ code: 'EBUSY' })
})

test('a guest that is let go sends by itself, and nothing is left in QEMU', async () => {
  const holder = await holding()
  const { output, sent, failed } = holder
  const first = await firstOf(holder)
  await guestSends(1000)
  const released = sent.slice(0, 300)
  output.release(released)
  await output.end()
  const told = numberOf(frame(last(sent)))
  await until('the frames of the guest', () => passed(told + 1).length > 2000)
  const numbers = new Set(passed(first))
  expect(numbersOf(released).filter((number) => !numbers.has(number))).toEqual([])
  expect(await isGone()).toBe(true)
  expect(failed).toEqual([])
  await expect(output.settled()).rejects.toMatchObject({ code: 'ECONNABORTED' })
})

test('the death of a holder lets nothing out, and a new one goes on without a moment in which anything does', async () => {
  qmp.close()
  const { holder: process, first } = await holdingProcess(machine.monitor, folder)
  holders.push(process)
  await guestSends(5000)
  expect(passed(first)).toEqual([])
  process.kill('SIGKILL')
  await exited(process)
  await guestSends(5000)
  expect(passed(first)).toEqual([])
  expect(machine.said()).toContain('filter redirector send failed')
  const { sending } = machine.numbers

  qmp = await opened()
  const holder = await holding()
  expect(await firstOf(holder)).toBeGreaterThanOrEqual(sending)
  await guestSends(5000)
  expect(passed(first)).toEqual([])
  const released = holder.sent.slice(0, 100)
  holder.output.release(released)
  await until('what was released', () => passed(first).length >= released.length)
  expect(passed(first)).toEqual(numbersOf(released))
  await holder.output.end()
  expect(await isGone()).toBe(true)
  await until('the frames of the guest', () => passed(first).length > 1000)
  expect(holder.failed).toEqual([])
})

test('a holder whose machine is gone hears of it', async () => {
  const { output, failed } = await holding()
  await machine.kill()
  await until('it fails', () => failed.length > 0)
  expect(failed.length).toBe(1)
  await expect(output.settled()).rejects.toMatchObject({ code: 'ECONNRESET' })
  await expect(output.end()).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test('where one interface cannot be held none is, and it is told why', async () => {
  await begin({ ...NE2000, device: [...NE2000.device, ...SECOND] })
  // What is in the way of the second one's socket.
  const [, second] = filterNames(1, 1)
  writeFileSync(join(folder, `${second}.socket`), '')
  const nothing = { sent: () => undefined, came: () => undefined, failed: () => undefined }
  await expect(qemuOutput({ qmp, folder })(nothing)).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await isGone()).toBe(true)
  const { sending } = machine.numbers
  await until('the frames of the guest', () => passed(sending + 1).length > 1000)
})

test("what QEMU says in the guest's name is held as well", async () => {
  const { sent } = await holding()
  await qmp.execute('announce-self', { initial: 50, max: 550, rounds: 1, step: 100 }, LIMIT_MS)
  await until('an announcement', () => sent.some((each) => isRarp(frame(each))))
  expect(machine.wire.some(isRarp)).toBe(false)
})

test('a standby that goes on tells its networks where it is, without being asked, and not before', async () => {
  const found = await probeQemu(qmp)
  if (!found.can) throw new Error(found.why.join())
  const capture = await QemuCapture.begin({ qmp, found, folder, native: null })
  await capture.pause()
  const { state } = await capture.capture(Buffer.alloc(found.memoryBytes))
  const second = join(folder, 'standby')
  mkdirSync(second)
  const standby = new SendingMachine(second, NE2000, standbyArguments('devices'))
  try {
    await standby.load()
    const other = await Qmp.open(standby.monitor, LIMIT_MS)
    monitors.push(other)
    copyFileSync(machine.memory, standby.memory)
    await loadState(other, state, second)
    for (let question = 0; question < 10; question++) await other.execute('query-status', {}, LIMIT_MS)
    expect(standby.wire).toEqual([])
    await other.execute('cont', {}, LIMIT_MS)
    await until('an announcement', () => standby.wire.some(isRarp))
    await until('frames of the guest', () => standby.wire.some((bytes) => !isRarp(bytes)))
  } finally {
    await standby.kill()
    await capture.end()
  }
})

test('what is released while the guest stands leaves in its order when it goes on', async () => {
  const holder = await holding()
  const first = await firstOf(holder)
  await guestSends(1000)
  await qmp.execute('stop', {}, LIMIT_MS)
  await holder.output.settled()
  const released = holder.sent.slice(0, 200)
  holder.output.release(released)
  await qmp.execute('cont', {}, LIMIT_MS)
  await until('what was released', () => passed(first).length >= released.length)
  expect(passed(first)).toEqual(numbersOf(released))
})

test('a successor takes over from a holder that lives: that one fails, and nothing passes', async () => {
  const former = await holding()
  const first = await firstOf(former)
  const next = await holding()
  await until('the former one fails', () => former.failed.length === 1)
  await until('frames for the next one', () => next.sent.length > 1000)
  expect(passed(first)).toEqual([])
  // Each frame came to one of them.
  const numbers = numbersOf([...former.sent, ...next.sent])
  expect(numbers).toEqual(numbers.map((_, at) => first + at))
  await expect(former.output.settled()).rejects.toMatchObject({ code: 'ECONNRESET' })
  await former.output.end()
  await guestSends(5000)
  expect(passed(first)).toEqual([])
  next.output.release(next.sent.slice(0, 100))
  await until('what was released', () => passed(first).length === 100)
  await next.output.end()
  expect(await isGone()).toBe(true)
})
