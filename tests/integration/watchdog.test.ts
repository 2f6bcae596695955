import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { systemClock } from '../../lib/dom0/system/system-clock'
import { livingWatchdog } from '../../lib/dom0/fence/watchdog-beat'
import { until } from '../contracts/raw-claims'
import { DOMID, Executables, VM, WatchdogRig } from './watchdog-rig'

jest.setTimeout(60_000)

let built: Executables
beforeAll(() => (built = new Executables()))
afterAll(() => built.remove())
let rig: WatchdogRig
beforeEach(() => (rig = new WatchdogRig(built)))
afterEach(() => rig.close())

const becomes = (state: WatchdogRig['state']): Promise<void> =>
  until(() => rig.state === state, `the guest ${state}`).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${rig.calls.join('\n')}\n${rig.log}`)
  })
const told = (act: string): Promise<void> => until(() => rig.acts().includes(act), act)
/** The watchdog's own word, so that what it was asked before is over. */
const guarding = (): Promise<void> =>
  until(() => (livingWatchdog(rig.leases, systemClock.nowMs())?.leases ?? 0) > 0, 'a guarded lease')
const signsOfLife = (): Promise<void> =>
  until(() => rig.signs().includes('\n'), 'signs of life').catch((error: unknown) => {
    const beat = JSON.stringify(livingWatchdog(rig.leases, systemClock.nowMs()))
    throw new Error(`${String(error)}; the last beat: ${beat}\n${rig.log}`)
  })
const fences = (): string[] => (existsSync(rig.fenced) ? readFileSync(rig.fenced, 'utf8').trim().split('\n') : [])

test('a guest whose worker renews is left alone; when the worker stands still it is paused, and runs again when that wakes', async () => {
  rig.watchdog()
  const holder = rig.holder()
  await guarding()
  expect(rig.calls).toEqual([])
  holder.signal('SIGSTOP')
  await becomes('paused')
  await told('guest-paused')
  expect(rig.entries()[0]).toMatchObject({ vm: VM, rule: 'lease-over', evidence: { domid: DOMID } })
  holder.signal('SIGCONT')
  await becomes('running')
  expect(existsSync(`${rig.leases}/${VM}.paused`)).toBe(false)
})

test('a worker that dies leaves its last deadline behind', async () => {
  rig.watchdog()
  const holder = rig.holder()
  await guarding()
  await holder.end('SIGKILL')
  await becomes('paused')
})

test('a guest that ended is forgotten, and one whose claim nobody may take is not stopped', async () => {
  rig.watchdog()
  const holder = rig.holder()
  await guarding()
  expect(await holder.end('SIGTERM')).toBe(0)
  await until(() => livingWatchdog(rig.leases, systemClock.nowMs())?.leases === 0, 'no lease')
  const alone = rig.holder('alone')
  await guarding()
  await alone.end('SIGKILL')
  // As long as the whole ladder takes.
  await pause(2000)
  expect(rig.calls).toEqual([])
})

test('a pause that hangs: destroyed', async () => {
  rig.xlOf('pause', 'hangs')
  rig.limits.pause = 200
  rig.watchdog()
  const holder = rig.holder()
  await guarding()
  await holder.end('SIGKILL')
  await becomes('destroyed')
  await told('guest-destroyed')
  expect(rig.acts()).toEqual(['pause-unconfirmed', 'guest-destroyed'])
  expect(fences()).toEqual([])
})

test('a worker that wants its guest destroyed: destroyed at once', async () => {
  rig.watchdog()
  const holder = rig.holder('destroy')
  await guarding()
  await holder.end('SIGKILL')
  await becomes('destroyed')
  await told('guest-destroyed')
  expect(rig.acts()).toEqual(['guest-destroyed'])
})

test.each(['hangs', 'fails'] as const)(
  'a toolstack that %s altogether: the host is fenced, with its reason written down',
  async (mood) => {
    rig.openDevice()
    rig.limits = { pause: 200, destroy: 1000 }
    for (const verb of ['list', 'pause', 'destroy'] as const) rig.xlOf(verb, mood)
    rig.watchdog()
    const holder = rig.holder()
    await guarding()
    await holder.end('SIGKILL')
    await until(() => fences()[0] === 'yesreally', 'a fence')
    await told('host-fenced')
    expect(rig.acts().slice(0, 2)).toEqual(['pause-unconfirmed', 'host-fenced'])
    // The program did not end this machine: the hardware will, for nobody pets it any more.
    rig.signs()
    await until(() => fences().length > 1, 'another fence')
    expect(rig.signs()).toBe('')
    expect(rig.state).toBe('running')
  },
)

test('a watchdog that is killed: the next one finds the deadline, and a pause whose end nobody told is told to the worker', async () => {
  rig.xlOf('pause', 'hangs')
  const first = rig.watchdog()
  const holder = rig.holder()
  await guarding()
  holder.signal('SIGSTOP')
  await until(() => rig.calls.includes(`pause ${DOMID}`), 'a pause')
  expect(await first.end('SIGKILL')).toBe('SIGKILL')
  expect(readFileSync(`${rig.leases}/${VM}.paused`, 'utf8')).toBe('under-way')
  rig.domain('--p---')
  rig.watchdog()
  await until(() => readFileSync(`${rig.leases}/${VM}.paused`, 'utf8') === 'done', 'the mark')
  holder.signal('SIGCONT')
  await becomes('running')
})

test('a deadline that passes while there is no watchdog is found by the next one', async () => {
  const holder = rig.holder()
  await until(() => existsSync(`${rig.leases}/${VM}`), 'a lease')
  await holder.end('SIGKILL')
  await pause(800)
  expect(rig.state).toBe('running')
  rig.watchdog()
  await becomes('paused')
})

test('a worker that stays silent is killed, and no other process that has its number', async () => {
  rig.watchdog()
  const holder = rig.holder()
  await guarding()
  holder.signal('SIGSTOP')
  expect(await holder.ended).toBe('SIGKILL')
  await told('worker-killed')
  expect(rig.entries().find(({ act }) => act === 'worker-killed')).toMatchObject({
    rule: 'worker-silent',
    evidence: { pid: holder.pid },
  })
  expect(rig.state).toBe('paused')
})

describe("the host's watchdog", () => {
  test('is petted while a lease runs, and no more while the process stands still', async () => {
    rig.openDevice()
    const watchdog = rig.watchdog()
    await until(() => livingWatchdog(rig.leases, systemClock.nowMs()) !== null, 'a beat')
    // It may have been left running by an earlier process: it is taken over, and ended.
    await until(() => rig.signs().endsWith('V'), 'an end')
    rig.holder()
    await signsOfLife()
    watchdog.signal('SIGSTOP')
    await until(() => watchdog.isStopped, 'a stopped process')
    rig.signs()
    await pause(300)
    expect(rig.signs()).toBe('')
    watchdog.signal('SIGCONT')
    await until(() => rig.signs().includes('\n'), 'signs of life again')
  })
  test('is ended when no guest needs it, and when the process is told to stop, but not when it is killed', async () => {
    rig.openDevice()
    const holder = rig.holder()
    const killed = rig.watchdog()
    await signsOfLife()
    await killed.end('SIGKILL')
    expect(rig.signs()).not.toContain('V')
    const stopped = rig.watchdog()
    await signsOfLife()
    expect(await stopped.end('SIGTERM')).toBe(0)
    expect(rig.signs().endsWith('V')).toBe(true)
    rig.watchdog()
    await signsOfLife()
    await holder.end('SIGTERM')
    await until(() => rig.signs().endsWith('V'), 'the end of it')
  })
  test.each([
    ['a plain file', () => writeFileSync(rig.device, ''), /neither a character device nor a FIFO/],
    ['nothing', () => undefined, /modprobe no-such-module timeout=10/],
  ])('%s in its place is refused and told, and guests are stopped all the same', async (_, make, why) => {
    rmSync(rig.device)
    make()
    rig.configure({ module: 'no-such-module' })
    rig.watchdog()
    const holder = rig.holder()
    await until(() => typeof livingWatchdog(rig.leases, systemClock.nowMs())?.hostWatchdog === 'object', 'a trouble')
    expect(livingWatchdog(rig.leases, systemClock.nowMs())?.hostWatchdog).toEqual({
      trouble: expect.stringMatching(why) as string,
    })
    await holder.end('SIGKILL')
    await becomes('paused')
    if (existsSync(rig.device)) expect(readFileSync(rig.device, 'utf8')).toBe('')
  })
  test('settings that cannot be read: none is used, and guests are stopped all the same', async () => {
    rig.openDevice()
    rig.configure({ device: 'relative' })
    rig.watchdog()
    const holder = rig.holder()
    await guarding()
    await holder.end('SIGKILL')
    await becomes('paused')
    expect(rig.signs()).toBe('')
    expect(rig.log).toContain('hostWatchdog.device is not an absolute path')
  })
})

test('a watchdog that stands still is not living for long', async () => {
  const watchdog = rig.watchdog()
  await until(() => livingWatchdog(rig.leases, systemClock.nowMs())?.pid === watchdog.pid, 'a beat')
  watchdog.signal('SIGSTOP')
  await until(() => livingWatchdog(rig.leases, systemClock.nowMs()) === null, 'no beat')
})
