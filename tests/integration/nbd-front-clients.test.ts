import { spawn } from 'node:child_process'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { hostUuid, volumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/replica/open-replica'
import type { WorkerSpec } from '../../lib/wire/worker-api'
import { SEED } from '../wire/seeded'
import { Dice } from '../world/prng'
import { FrontBench, qemuNbd, slowNbdkit, type MortalServer } from './front-bench'
import { run } from './run-client'
import { TapdiskClient } from './tapdisk-client'
import { TapdiskWriter } from './tapdisk-writer'
import { WorkerHost } from './worker-host'

jest.setTimeout(180_000)
const MIB = 1024 * 1024
const KILLS = 20
/** A server that gave so much to its disk is at work. */
const AT_WORK_BYTES = 64 * 1024
/** 2,048 writes of fio, which verifies them 256 at a time. */
const ENOUGH_BYTES = 8 * MIB

let bench: FrontBench
let server: MortalServer | null = null
beforeEach(() => {
  bench = new FrontBench()
})
afterEach(async () => {
  await server?.kill()
  server = null
  await bench.close()
})

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Kills at moments that the seed chooses, until the client is done or has seen enough. */
async function torment(mortal: MortalServer, dice: Dice, isOver: () => boolean): Promise<void> {
  while (mortal.kills < KILLS && !isOver()) {
    await mortal.wrote(AT_WORK_BYTES, isOver)
    await pause(dice.below(100))
    await mortal.kill()
    if (dice.chance(0.5)) await pause(dice.below(100))
    mortal.start()
  }
}

describe(`clients that cannot reconnect, and servers that are killed (HOLDFAST_TEST_SEED=${SEED})`, () => {
  const dice = new Dice(SEED)

  test('fio writes and verifies, and sees no error', async () => {
    const image = join(bench.folder, 'disk.img')
    writeFileSync(image, '')
    truncateSync(image, 32 * MIB)
    server = qemuNbd(image, bench.workerSocket)
    server.start()
    await bench.start()
    const job = ['--ioengine=nbd', `--uri=${bench.uri}`, '--rw=randwrite', '--bs=4k', '--iodepth=8', '--size=32m']
    const verify = ['--verify=crc32c', '--verify_backlog=256', '--verify_state_save=0', `--randseed=${SEED}`]
    const length = ['--time_based', '--runtime=120', '--output-format=json', `--output=${bench.folder}/fio.json`]
    const fio = spawn('fio', ['--name=front', ...job, ...verify, ...length], { cwd: bench.folder, stdio: 'ignore' })
    let over = false
    const ended = new Promise<void>((resolve) =>
      fio.once('exit', () => {
        over = true
        resolve()
      }),
    )
    await torment(server, dice, () => over)
    await server.wrote(ENOUGH_BYTES, () => over)
    expect([over, server.kills]).toEqual([false, KILLS])
    fio.kill('SIGINT')
    await ended
    const said = readFileSync(join(bench.folder, 'fio.json'), 'utf8')
    const told = JSON.parse(said.slice(said.indexOf('{'))) as { jobs: { error: number; write: Ios; read: Ios }[] }
    const [{ error, write, read } = { error: -1, write: NO_IOS, read: NO_IOS }] = told.jobs
    expect({ error, wrote: write.total_ios > 1000, verified: read.total_ios > 1000 }).toEqual({
      ...{ error: 0, wrote: true, verified: true },
    })
    print(`fio: ${write.total_ios} writes, ${KILLS} kills, the longest took ${Math.round(write.clat_ns.max / 1e6)} ms`)
  })

  test('nbdcopy copies in over four connections, and out again', async () => {
    const source = join(bench.folder, 'source.img')
    const image = join(bench.folder, 'disk.img')
    const pattern = Buffer.alloc(48 * MIB)
    for (let at = 0; at < pattern.length; at += 512) pattern.writeUInt32LE(Math.imul(at + SEED, 2654435761) >>> 0, at)
    writeFileSync(source, pattern)
    writeFileSync(image, '')
    truncateSync(image, pattern.length)
    server = slowNbdkit(image, bench.workerSocket)
    server.start()
    await bench.start()
    let over = false
    const copying = run('nbdcopy', '--connections=4', '--flush', source, bench.uri).finally(() => (over = true))
    await torment(server, dice, () => over)
    expect(await copying).toEqual({ status: 0, output: '' })
    expect(server.kills).toBeGreaterThan(5)
    expect(readFileSync(image).equals(pattern)).toBe(true)
    await server.kill()
    server = qemuNbd(image, bench.workerSocket)
    server.start()
    const copy = join(bench.folder, 'copy.img')
    expect(await run('nbdcopy', '--connections=4', bench.uri, copy)).toEqual({ status: 0, output: '' })
    expect(readFileSync(copy).equals(pattern)).toBe(true)
  })

  test("tapdisk's dialect on the product's worker", async () => {
    const { worker, spec } = await soloWorker(bench, 16 * MIB)
    await bench.start()
    try {
      worker.start(spec)
      const { client, sizeBytes } = await TapdiskClient.open(bench.socket)
      expect(sizeBytes).toBe(16 * MIB)
      const writer = new TapdiskWriter(client, sizeBytes, dice)
      const work = writer.begin()
      work.catch(() => undefined)
      const wentOnMs: number[] = []
      for (let kill = 0; kill < KILLS; kill += 1) {
        await writer.more(32)
        await pause(dice.below(60))
        const killedAtMs = performance.now()
        await worker.kill()
        worker.start()
        // More than may have been answered before.
        await writer.more(17)
        wentOnMs.push(Math.round(performance.now() - killedAtMs))
      }
      writer.stop()
      await work
      client.send(2, 0, 0)
      await expect(client.take(1)).rejects.toThrow('closed')
      expect(readFileSync(worker.image).equals(writer.image)).toBe(true)
      wentOnMs.sort((one, other) => one - other)
      print(`tapdisk: ${writer.answered} writes, ${KILLS} kills, went on after ${wentOnMs.join(' ')} ms`)
    } finally {
      await worker.kill()
    }
  })
})

interface Ios {
  readonly total_ios: number
  readonly clat_ns: { readonly max: number }
}
const NO_IOS: Ios = { total_ios: 0, clat_ns: { max: 0 } }

/** Of interest to a person; nothing depends on it. */
const print = (text: string): void => void process.stdout.write(`${text}\n`)

/** The product's worker as a mirror of one, at the worker's socket of the bench. */
async function soloWorker(on: FrontBench, sizeBytes: number): Promise<{ worker: WorkerHost; spec: WorkerSpec }> {
  const key = volumeKey('dddddddd-0000-4000-8000-00000000f407')
  const uuid = hostUuid('aaaaaaaa-0000-4000-8000-00000000f407')
  const script = join(on.folder, 'holdfast-worker.js')
  const entryPoints = [join(__dirname, '..', '..', 'plugin', 'vm-worker.ts')]
  buildSync({ entryPoints, bundle: true, platform: 'node', target: 'node20', outfile: script, logLevel: 'error' })
  const worker = new WorkerHost(uuid, join(on.folder, 'worker'), script, on.folder)
  const replica = await openReplica({ key, sizeBytes, path: worker.image }, true)
  await replica.save({ state: 'up-to-date' })
  await replica.close()
  const spec: WorkerSpec = {
    ...{ format: 1, id: key, pool: '', host: uuid, vm: null, witness: null, poolKeyFile: null, listen: null, peer: null },
    ...{ timelineFile: worker.timelineFile, volumes: [{ key, sizeBytes, path: worker.image }] },
    attached: { [key]: { domain: '0', active: true } },
    exports: { [key]: { exportName: 'disk', listen: { unix: on.workerSocket } } },
  }
  return { worker, spec }
}
