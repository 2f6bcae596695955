import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid, volumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/replica/open-replica'
import { codeOf } from '../../lib/dom0/system/system-error'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import { workerProcesses } from '../../lib/dom0/process/worker-processes'
import type { WorkerPort } from '../../lib/ports/workers'
import type { WorkerSpec } from '../../lib/wire/worker-api'
import { gone } from './mirror-side'
import { QuietLog } from './quiet-log'
import { run } from './run-client'
import { killWorker, nextWorker, WorkerExecutables, workerPid } from './worker-executables'
import { eventually } from './worker-host'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'hf-'))
const executables = new WorkerExecutables(join(folder, 'bin'))
const { worker: executable, brake, broken } = executables
const key = volumeKey('dddddddd-0000-4000-8000-000000000001')
const id: string = key
const spec: WorkerSpec = {
  ...{ format: 1, id, pool: key, host: hostUuid('aaaaaaaa-0000-4000-8000-000000000001'), vm: null, witness: null },
  ...{ poolKeyFile: null, listen: null, peer: null, attached: {} },
  timelineFile: join(folder, 'timeline', 'worker.jsonl'),
  volumes: [{ key, sizeBytes: MIB, path: join(folder, 'disk.raw') }],
}
const home = join(folder, 'w', id)
const socket = join(home, `${key}.sock`)
let workers: WorkerPort

beforeAll(async () => {
  mkdirSync(join(folder, 'timeline'))
  const replica = await openReplica({ key, sizeBytes: MIB, path: join(folder, 'disk.raw') }, true)
  await replica.save({ state: 'up-to-date' })
  await replica.close()
})
beforeEach(async () => {
  workers = daemon()
  await workers.start(spec)
  await whenItAnswers((limitMs) => workers.ask(id, 'attach', { volume: key, domain: '0' }, limitMs))
})
afterEach(async () => {
  for (const name of [broken, brake]) rmSync(name, { force: true })
  await workers.remove(id)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Each is a daemon's that was started again. */
const daemon = (): WorkerPort => workerProcesses({ folder: join(folder, 'w'), executable, log: new QuietLog() })

const whenItAnswers = <T>(ask: (limitMs: number) => Promise<T>): Promise<T> =>
  eventually('the worker answers', async () => {
    try {
      return await ask(5000)
    } catch (error) {
      if (codeOf(error) === '') throw error
      return null
    }
  })

const pid = (): number => workerPid(home)
const kill = (): Promise<number> => killWorker(home)
const nextAfter = (killed: number): Promise<number> => nextWorker(home, killed)

/** Resolves when the connection is there. */
const connected = (): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const client = connect(socket, () => resolve(client))
    client.once('error', reject)
  })

const firstBytes = (client: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    client.once('data', (bytes: Buffer) => resolve(bytes.toString('latin1', 0, 8)))
    client.once('close', () => reject(new Error('closed')))
  })

test('a client that comes between two lives of a worker waits for the second', async () => {
  writeFileSync(brake, '')
  const killed = await kill()
  const early = await connected()
  const greeting = firstBytes(early)
  rmSync(brake)
  expect(await greeting).toBe('NBDMAGIC')
  early.destroy()
  expect(await nextAfter(killed)).not.toBe(killed)
  const said = await eventually('a line in the timeline', () =>
    Promise.resolve(readTimeline(join(folder, 'timeline')).findLast(({ act }) => act === 'worker-restarted') ?? null),
  )
  expect(said).toMatchObject({ rule: 'worker-ended', evidence: { worker: id, status: 137 } })
})

test('a client that reconnects writes through three deaths', async () => {
  const disk = `driver=nbd,server.type=unix,server.path=${socket},export=${key},reconnect-delay=30`
  const writes = Array.from({ length: 60 }, (_, n) => ['-c', `write -P ${n + 1} ${n * 4}k 4k`, '-c', 'sleep 25']).flat()
  const writing = run('qemu-io', '--image-opts', disk, ...writes, '-c', 'flush')
  for (let death = 0; death < 3; death += 1) await nextAfter(await kill())
  expect(await writing).toMatchObject({ status: 0, output: expect.not.stringContaining('failed') as string })
  const image = readFileSync(join(folder, 'disk.raw'))
  for (let n = 0; n < 60; n += 1) expect(image[n * 4096]).toBe(n + 1)
})

test('a disk that nobody uses has no socket; used again it has the one that is held', async () => {
  await workers.ask(id, 'detach', { volume: key, domain: '0' }, 5000)
  expect(existsSync(socket)).toBe(false)
  const killed = await kill()
  await nextAfter(killed)
  await whenItAnswers((limitMs) => workers.ask(id, 'status', {}, limitMs))
  expect(existsSync(socket)).toBe(false)
  await whenItAnswers((limitMs) => workers.ask(id, 'attach', { volume: key, domain: '0' }, limitMs))
  const client = await connected()
  expect(await firstBytes(client)).toBe('NBDMAGIC')
  client.destroy()
})

test('a daemon that is started again begins no second worker, whatever state the first one is in', async () => {
  const first = pid()
  await daemon().start(spec)
  expect(pid()).toBe(first)
  writeFileSync(brake, '')
  await kill()
  const again = daemon()
  expect(await again.running(id)).toBe(true)
  await again.start(spec)
  rmSync(brake)
  const second = await nextAfter(first)
  await whenItAnswers((limitMs) => again.ask(id, 'status', {}, limitMs))
  expect(pid()).toBe(second)
})

test('a worker that ends at its start again and again can be removed', async () => {
  writeFileSync(broken, '')
  await kill()
  const log = join(home, 'worker.log')
  await eventually('it is held back', () =>
    Promise.resolve(readFileSync(log, 'utf8').includes('again after 0.4 s') ? true : null),
  )
  await daemon().remove(id)
  expect(existsSync(home)).toBe(false)
  expect(await workers.running(id)).toBe(false)
})

test('without its minder a worker goes on, and its successor is the daemon’s to start', async () => {
  const worker = pid()
  const minder = Number(/^\d+ \(.*\) \S (\d+)/.exec(readFileSync(`/proc/${worker}/stat`, 'utf8'))?.[1])
  expect(readFileSync(`/proc/${minder}/cmdline`, 'utf8')).toMatch(/^holdfast-minder\0/)
  process.kill(minder, 'SIGKILL')
  await gone(minder)
  await workers.start(spec)
  expect(pid()).toBe(worker)
  await kill()
  // Its threads let go of the lock a moment later.
  await eventually('nobody has the lock', async () => ((await workers.running(id)) ? null : true))
  await workers.start(spec)
  expect(await nextAfter(worker)).not.toBe(worker)
})
