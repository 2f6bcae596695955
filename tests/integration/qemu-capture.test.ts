import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { QemuCapture } from '../../lib/dom0/qemu/qemu-capture'
import { probeQemu } from '../../lib/dom0/qemu/qemu-probe'
import { loadState, standbyArguments } from '../../lib/dom0/qemu/qemu-standby'
import { Qmp } from '../../lib/dom0/qemu/qmp'
import type { CaptureFinding, StateWay } from '../../lib/ports/capture'
import type { ChangedPages } from '../../lib/ports/changed-memory'
import { CountingMachine, counted, MEMORY_BYTES } from './counting-machine'
import { loadNativeMemory } from '../../lib/dom0/memory/native-memory'
import { ADDONS, NO_NATIVE } from '../contracts/native-addon'

const LIMIT_MS = 10_000
const CHECKPOINTS = 20

let folder = ''
const machines: CountingMachine[] = []
const monitors: Qmp[] = []
beforeEach(() => {
  folder = mkdtempSync('/dev/shm/holdfast-capture-')
})
afterEach(async () => {
  for (const monitor of monitors.splice(0)) monitor.close()
  await Promise.all(machines.splice(0).map((machine) => machine.kill()))
  rmSync(folder, { recursive: true })
})

async function started(name: string, ...more: string[]): Promise<{ machine: CountingMachine; qmp: Qmp }> {
  const machine = new CountingMachine(folder, name, more)
  machines.push(machine)
  await machine.isUp()
  const qmp = await Qmp.open(machine.monitor, LIMIT_MS)
  monitors.push(qmp)
  return { machine, qmp }
}

const can = (found: CaptureFinding): Extract<CaptureFinding, { can: true }> => {
  if (!found.can) throw new Error(found.why.join('; '))
  return found
}

test.each<StateWay>(['devices', 'migration'])(
  '%s: checkpoints of a running machine, and a standby goes on from the last one',
  async (way) => {
    const { machine, qmp } = await started('primary')
    const { machine: standby, qmp: other } = await started('standby', ...standbyArguments(way))
    await machine.saysMore(10)
    const found = can(await probeQemu(qmp))
    expect(found).toEqual({ can: true, memoryFile: machine.memory, memoryBytes: MEMORY_BYTES, way: 'devices' })
    const native = NO_NATIVE === '' ? loadNativeMemory(ADDONS) : null
    const capture = await QemuCapture.begin({ qmp, found: { ...found, way }, folder, native })
    const replica = openSync(standby.memory, 'r+')
    const into = Buffer.alloc(MEMORY_BYTES)
    write(replica, await capture.look(into))

    const times: number[][] = []
    let state: Buffer = Buffer.alloc(0)
    let last = 0
    let heard = ''
    for (let checkpoint = 0; checkpoint < CHECKPOINTS; checkpoint++) {
      await machine.saysMore()
      const stamps = [performance.now()]
      expect(await capture.pause()).toBe('paused')
      stamps.push(performance.now())
      const captured = await capture.capture(into)
      stamps.push(performance.now())
      write(replica, captured.pages)
      expect(captured.pages.rest).toEqual([])
      expect(readFileSync(standby.memory).equals(readFileSync(machine.memory))).toBe(true)
      expect(counted(readFileSync(standby.memory))).toBeGreaterThan(last)
      last = counted(readFileSync(standby.memory))
      state = captured.state
      heard = machine.heard()
      stamps.push(performance.now())
      await capture.resume()
      stamps.push(performance.now())
      times.push([0, 1, 3].map((at) => (stamps[at + 1] ?? 0) - (stamps[at] ?? 0)))
    }
    tell(way, times, state.length)
    await machine.saysMore()
    await capture.end()
    await machine.kill()
    closeSync(replica)

    const from = performance.now()
    await loadState(other, state, folder)
    const loaded = performance.now()
    expect(standby.heard()).toBe('')
    await other.execute('cont', {}, LIMIT_MS)
    process.stderr.write(
      `${way}: loaded in ${(loaded - from).toFixed(1)} ms, ran after ${(performance.now() - from).toFixed(1)} ms\n`,
    )
    await standby.saysMore(20)
    // What the one had said by the last checkpoint, and what the other says: each number once, and none left out.
    const numbers = `${heard}${standby.heard()}`.split('\n').slice(0, -1)
    expect(numbers.length).toBeGreaterThan(last)
    expect(numbers).toEqual(numbers.map((_, n) => (n + 1).toString(16).padStart(8, '0').toUpperCase()))
  },
)

test('who has paused the machine resumes it', async () => {
  const { machine, qmp } = await started('primary')
  const capture = await QemuCapture.begin({ qmp, found: can(await probeQemu(qmp)), folder })
  await machine.saysMore()
  expect(await capture.pause()).toBe('paused')
  expect(await capture.pause()).toBe('not-running')
  await capture.resume()
  await machine.saysMore()
  await machine.kill()
  await expect(capture.pause()).rejects.toMatchObject({ code: 'ECONNRESET' })
  await capture.end()
})

test('what is not possible is told before, and what a machine has decides how', async () => {
  const { qmp } = await started(
    'alone',
    '-S',
    '-machine',
    'q35',
    '-object',
    'memory-backend-ram,id=own,size=16M',
    '-machine',
    'memory-backend=own',
  )
  expect(await probeQemu(qmp)).toEqual({ can: false, why: ['its memory is no shared file'] })
  const { machine, qmp: other } = await started('screen', '-S', '-device', 'VGA')
  expect(await probeQemu(other)).toEqual({ can: true, memoryFile: machine.memory, memoryBytes: MEMORY_BYTES, way: 'migration' })
})

test('a state that is none ends the standby, and whoever loads it hears of it', async () => {
  const { qmp } = await started('standby', ...standbyArguments('devices'))
  await expect(loadState(qmp, Buffer.from('no state of a machine'), folder)).rejects.toMatchObject({ code: 'ECONNRESET' })
})

function write(file: number, { parts }: ChangedPages): void {
  for (const { runs, bytes } of parts) {
    let at = 0
    for (const { offset, length } of runs) {
      writeSync(file, bytes, at, length, offset)
      at += length
    }
  }
}

/** For people; a busy machine's are no failure. */
function tell(way: string, times: readonly number[][], stateBytes: number): void {
  const text = ['stop', 'state and memory', 'cont'].map((part, at) => {
    const sorted = times.map((each) => each[at] ?? 0).sort((one, other) => one - other)
    return `${part} ${sorted[CHECKPOINTS / 2]?.toFixed(1)} (most ${sorted.at(-1)?.toFixed(1)})`
  })
  process.stderr.write(`${way}: ${text.join(', ')} ms in the middle of ${CHECKPOINTS}; a state has ${stateBytes} bytes\n`)
}
