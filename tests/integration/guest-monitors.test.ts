import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GuestMonitors } from '../../lib/dom0/qemu/guest-monitors'
import { until } from './guest-rig'

const LIMIT_MS = 20_000

let folder: string
let machine: ChildProcess | null = null
const path = (): string => join(folder, 'qmp')
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-monitors-'))
})
afterEach(async () => {
  await end()
  rmSync(folder, { recursive: true })
})

/** A machine without anything, which has one monitor. */
async function start(): Promise<void> {
  const argv = ['-machine', 'none', '-nodefaults', '-nographic', '-qmp', `unix:${path()},server=on,wait=off`]
  machine = spawn('qemu-system-x86_64', argv, { stdio: 'ignore' })
  await until('it listens', async () => {
    const qmp = await new GuestMonitors().take(path())
    qmp?.close()
    return qmp !== null
  })
}

async function end(): Promise<void> {
  const ended = machine
  machine = null
  if (ended === null || ended.exitCode !== null) return
  await new Promise((resolve) => ended.once('exit', resolve).kill('SIGKILL'))
}

test('nobody listens: there is no guest', async () => {
  expect(await new GuestMonitors().take(path())).toBeNull()
})

test('all share one connection, which ends with the last of them', async () => {
  await start()
  const monitors = new GuestMonitors()
  const [one, other] = await Promise.all([monitors.take(path()), monitors.take(path())])
  one?.close()
  one?.close()
  expect(await other?.execute('query-status', {}, LIMIT_MS)).toMatchObject({ status: expect.any(String) as string })
  other?.close()
  // QEMU serves one client at a time: it answers another one now.
  const stranger = await new GuestMonitors().take(path())
  expect(await stranger?.execute('query-status', {}, LIMIT_MS)).toMatchObject({ status: expect.any(String) as string })
  stranger?.close()
})

test('a connection that has ended is replaced for whoever comes next', async () => {
  await start()
  const monitors = new GuestMonitors()
  const former = await monitors.take(path())
  await end()
  await expect(former?.execute('query-status', {}, LIMIT_MS)).rejects.toThrow()
  expect(await monitors.take(path())).toBeNull()
  await start()
  const next = await monitors.take(path())
  former?.close()
  expect(await next?.execute('query-status', {}, LIMIT_MS)).toMatchObject({ status: expect.any(String) as string })
  next?.close()
})
