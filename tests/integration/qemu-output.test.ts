import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { filterNames } from '../../lib/dom0/qemu/output-filters'
import { qemuOutput } from '../../lib/dom0/qemu/qemu-output'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import type { GuestOutput, OutputFrame } from '../../lib/ports/guest-output'
import { exited, until } from './guest-rig'
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

async function holdingProcess(): Promise<ChildProcess> {
  const script = join(folder, 'holder.js')
  const entry = join(__dirname, 'output-holder.ts')
  await build({ bundle: true, platform: 'node', target: 'node20', logLevel: 'silent', entryPoints: [entry], outfile: script })
  const holder = spawn(process.execPath, [script, machine.monitor, folder])
  holders.push(holder)
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve())
    holder.stderr.once('data', (text: Buffer) => reject(new Error(text.toString())))
  })
  return holder
}

interface Holder {
  readonly output: GuestOutput
  readonly sent: OutputFrame[]
  readonly failed: string[]
}

async function holding(): Promise<Holder> {
  const [sent, failed]: [OutputFrame[], string[]] = [[], []]
  const events = { sent: (frame: OutputFrame) => void sent.push(frame), failed: (error: string) => void failed.push(error) }
  const output = await qemuOutput({ qmp, folder })(events)
  return { output, sent, failed }
}

const frame = (sent: OutputFrame | undefined): Buffer => sent?.bytes.subarray(HEAD_BYTES) ?? Buffer.alloc(0)
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

/** While the guest goes on sending. */
async function wireIsStill(): Promise<void> {
  for (let before = -1; before !== machine.wire.length;) {
    before = machine.wire.length
    await guestSends(1000)
  }
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
  const { output, sent, failed } = await holding()
  await until('held frames', () => sent.length > 0)
  const first = numberOf(frame(sent[0]))
  await wireIsStill()
  expect(numberOf(last(machine.wire))).toBeLessThan(first)
  machine.wire.length = 0

  const some = sent.slice(0, 500)
  output.release(some)
  await until('the released ones', () => machine.wire.length >= some.length)
  await guestSends(1000)
  const numbers = some.map((_, at) => first + at)
  expect(machine.wire.map(numberOf)).toEqual(numbers)
  expect(machine.wire.every((bytes, at) => bytes.equals(frameOf(first + at, 0)))).toBe(true)
  expect(sent.every(({ nic }) => nic === 0)).toBe(true)
  expect(failed).toEqual([])
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
    for (let stop = 0; stop < 40; stop++) {
      await guestSends(1 + stop * 7)
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
  const { output, sent, failed } = await holding()
  await wireIsStill()
  const released = sent.slice(0, 300)
  machine.wire.length = 0
  output.release(released)
  await output.end()
  await until('the frames of the guest', () => machine.wire.length > 2000)
  const numbers = new Set(machine.wire.map(numberOf))
  expect(released.filter((each) => !numbers.has(numberOf(frame(each))))).toEqual([])
  expect(numberOf(last(machine.wire))).toBeGreaterThan(numberOf(frame(last(sent))))
  expect(await isGone()).toBe(true)
  expect(failed).toEqual([])
  await expect(output.settled()).rejects.toMatchObject({ code: 'ECONNABORTED' })
})

test('the death of a holder lets nothing out, and a new one goes on without a moment in which anything does', async () => {
  qmp.close()
  const holder = await holdingProcess()
  await wireIsStill()
  const count = machine.wire.length
  holder.kill('SIGKILL')
  await exited(holder)
  await guestSends(2000)
  expect(machine.wire.length).toBe(count)
  const { sending } = machine.numbers

  qmp = await opened()
  const { output, sent, failed } = await holding()
  await until('held frames', () => sent.length > 1000)
  await wireIsStill()
  expect(machine.wire.length).toBe(count)
  expect(numberOf(frame(sent[0]))).toBeGreaterThanOrEqual(sending)
  const released = sent.slice(0, 100)
  output.release(released)
  await until('what was released', () => machine.wire.length === count + 100)
  expect(machine.wire.slice(count).map(numberOf)).toEqual(released.map((each) => numberOf(frame(each))))
  await output.end()
  expect(await isGone()).toBe(true)
  await until('the frames of the guest', () => machine.wire.length > count + 1000)
  expect(failed).toEqual([])
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
  const nothing = { sent: () => undefined, failed: () => undefined }
  await expect(qemuOutput({ qmp, folder })(nothing)).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await isGone()).toBe(true)
  const count = machine.wire.length
  await until('the frames of the guest', () => machine.wire.length > count + 1000)
})

test("what QEMU says in the guest's name is held as well", async () => {
  const { sent } = await holding()
  await wireIsStill()
  const count = machine.wire.length
  await qmp.execute('announce-self', { initial: 50, max: 550, rounds: 1, step: 100 }, LIMIT_MS)
  await until('an announcement', () => sent.some((each) => frame(each).readUInt16BE(12) === RARP))
  expect(machine.wire.length).toBe(count)
})

test('a successor takes over from a holder that lives: that one fails, and nothing passes', async () => {
  const former = await holding()
  await wireIsStill()
  const count = machine.wire.length
  const next = await holding()
  await until('the former one fails', () => former.failed.length === 1)
  await until('frames for the next one', () => next.sent.length > 1000)
  expect(machine.wire.length).toBe(count)
  // Each frame came to one of them.
  const numbers = [...former.sent, ...next.sent].map((each) => numberOf(frame(each)))
  expect(numbers).toEqual(numbers.map((_, at) => (numbers[0] ?? 0) + at))
  await expect(former.output.settled()).rejects.toMatchObject({ code: 'ECONNRESET' })
  await former.output.end()
  await wireIsStill()
  expect(machine.wire.length).toBe(count)
  next.output.release(next.sent.slice(0, 100))
  await until('what was released', () => machine.wire.length === count + 100)
  await next.output.end()
  expect(await isGone()).toBe(true)
})
