import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport } from '../../lib/dom0/nbd-export'
import { createNbdFront, type NbdFrontOptions, type NbdFrontServer } from '../../lib/dom0/nbd-front'
import type { DiskHandler } from '../../lib/ports/disk-export'
import { FrontBench } from './front-bench'
import { HeldDisk } from './held-disk'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { run } from './run-client'
import { TapdiskClient } from './tapdisk-client'

jest.setTimeout(60_000)
const MIB = 1024 * 1024
const ESHUTDOWN = 108

describe('a front', () => {
  let folder = ''
  let log: QuietLog
  let front: NbdFrontServer | null = null
  let worker: NbdExport | null = null
  const socket = (): string => join(folder, 'front.sock')
  const workerSocket = (): string => join(folder, 'worker.sock')

  const start = async (over: Partial<NbdFrontOptions> = {}): Promise<NbdFrontServer> => {
    front = await createNbdFront({ listen: socket(), to: workerSocket(), exportName: 'disk', log, ...over })
    return front
  }
  const serve = async (handler: DiskHandler, sizeBytes = 16 * MIB): Promise<void> => {
    worker = await createNbdExport({ listen: { unix: workerSocket() }, exportName: 'disk', sizeBytes, handler, log })
  }
  const stopWorker = async (): Promise<void> => {
    await worker?.close()
    worker = null
  }
  const uri = (): string => `nbd+unix:///disk?socket=${socket()}`

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-front-'))
    log = new QuietLog()
  })
  afterEach(async () => {
    await front?.close()
    await stopWorker()
    front = null
    rmSync(folder, { recursive: true })
  })

  test('greets at once, and lets the client wait for the first worker', async () => {
    await start()
    const opening = TapdiskClient.open(socket())
    const early = connect(socket())
    const [greeting] = (await once(early, 'data')) as [Buffer]
    expect(greeting.toString('hex')).toBe('4e42444d4147494349484156454f50540003')
    early.destroy()
    const disk = new MemoryDisk(16 * MIB)
    await serve(disk.handler)
    const { client, sizeBytes } = await opening
    expect(sizeBytes).toBe(16 * MIB)
    client.send(1, 0, 4, Buffer.from('abcd'))
    expect((await client.reply(0)).error).toBe(0)
    // The worker has to know that this client has never heard of flush.
    expect(disk.asked.map(({ kind, durable, fua }) => [kind, durable, fua])).toEqual([['write', true, true]])
    expect(statSync(socket()).mode & 0o777).toBe(0o600)
  })

  test('a client of the newer dialect is one to the worker, too', async () => {
    const disk = new MemoryDisk(16 * MIB)
    await serve(disk.handler)
    await start()
    expect(
      await run('qemu-io', '-f', 'raw', '-t', 'writeback', '-c', 'write -P 7 0 4M', '-c', 'read -P 7 0 4M', uri()),
    ).toMatchObject({
      status: 0,
      output: expect.not.stringMatching(/fail|error/i) as string,
    })
    expect(disk.asked.some(({ kind, durable, fua }) => kind === 'write' && !durable && !fua)).toBe(true)
    const { status, output } = await run('nbdinfo', uri())
    expect(output).toMatch(/export-size: 16777216 .*can_flush: true.*can_fua: true/s)
    expect(status).toBe(0)
    expect(await run('nbdinfo', '--list', `nbd+unix://?socket=${socket()}`)).toMatchObject({
      output: expect.stringContaining('export="disk"') as string,
    })
  })

  test('what a worker left unanswered, the next one is asked, in order, with the bytes', async () => {
    const first = new HeldDisk()
    await serve(first.handler)
    await start()
    const { client } = await TapdiskClient.open(socket())
    const handles = [client.send(1, 0, 4, Buffer.from('aaaa')), client.send(1, 2, 4, Buffer.from('bbbb')), client.send(0, 0, 8)]
    await until(
      () => first.held.length === 3,
      () => first.held.length,
    )
    await stopWorker()
    handles.push(client.send(1, 4, 4, Buffer.from('cccc')))
    const second = new HeldDisk()
    await serve(second.handler)
    await until(
      () => second.held.length === 4,
      () => second.held.length,
    )
    expect(second.held.map(({ request: { kind, offset, data } }) => [kind, offset, data?.toString()])).toEqual([
      ...[
        ['write', 0, 'aaaa'],
        ['write', 2, 'bbbb'],
        ['read', 0, undefined],
        ['write', 4, 'cccc'],
      ],
    ])
    for (const data of [undefined, undefined, Buffer.from('aabbcccc'), undefined]) {
      second.answer(data === undefined ? { error: 0 } : { error: 0, data })
    }
    const replies = [await client.reply(0), await client.reply(0), await client.reply(8), await client.reply(0)]
    expect(replies.map(({ handle }) => handle)).toEqual(handles)
    expect(replies[2]?.data.toString()).toBe('aabbcccc')
    expect(log.lines).toEqual([])
  })

  test("a worker that is ending is left when it has answered the rest; a disk's error is the client's", async () => {
    const first = new HeldDisk()
    await serve(first.handler)
    await start()
    const { client } = await TapdiskClient.open(socket())
    const [refused, slow, bad] = [client.send(0, 0, 8), client.send(0, 8, 8), client.send(0, 16, 8)]
    await until(
      () => first.held.length === 3,
      () => first.held.length,
    )
    first.answer({ error: ESHUTDOWN })
    first.held.reverse()
    first.answer({ error: 5 })
    expect(await client.reply(8)).toMatchObject({ handle: bad, error: 5 })
    expect(worker?.connections).toBe(1)
    first.answer({ error: 0, data: Buffer.alloc(8, 1) })
    expect(await client.reply(8)).toMatchObject({ handle: slow, error: 0 })
    // It is the same worker that is found again, and it has changed its mind.
    await until(
      () => first.held.length === 1,
      () => first.held.length,
    )
    first.answer({ error: 0, data: Buffer.alloc(8, 2) })
    expect(await client.reply(8)).toEqual({ handle: refused, error: 0, data: Buffer.alloc(8, 2) })
    expect(log.lines).toEqual([expect.stringContaining('front: a worker was left')])
  })

  test('never another disk: while one of another size serves, the client waits', async () => {
    await serve(new MemoryDisk(16 * MIB).handler)
    await start()
    const { client } = await TapdiskClient.open(socket())
    await stopWorker()
    const stranger = new MemoryDisk(8 * MIB)
    await serve(stranger.handler, 8 * MIB)
    client.send(1, 0, 4, Buffer.from('mine'))
    await until(
      () => log.lines.some((line) => line.includes("its disk has 8388608 bytes, the client's 16777216")),
      () => log.lines,
    )
    await stopWorker()
    const own = new MemoryDisk(16 * MIB)
    await serve(own.handler)
    expect((await client.reply(0)).error).toBe(0)
    expect([stranger.asked, own.asked.length]).toEqual([[], 1])
  })

  test('holds no more than its limits, whether or not there is a worker, and goes on when there is', async () => {
    await serve(new MemoryDisk(16 * MIB).handler)
    await start({ limits: { requests: 20, bytes: MIB } })
    const { client } = await TapdiskClient.open(socket())
    client.send(0, 0, 512)
    await client.reply(512)
    await stopWorker()
    for (let index = 0; index < 200; index++) client.send(1, index * 512, 512, Buffer.alloc(512, index))
    const disk = new HeldDisk()
    await serve(disk.handler)
    let most = 0
    for (let answered = 0; answered < 200; answered++) {
      await until(
        () => disk.held.length > 0,
        () => answered,
      )
      most = Math.max(most, disk.held.length)
      disk.answer({ error: 0 })
      expect((await client.reply(0)).error).toBe(0)
    }
    // Half is for the others.
    expect(most).toBe(10)
  })

  test('a client that takes no answers is not read from for ever, and the others go on', async () => {
    const disk = new MemoryDisk(16 * MIB)
    await serve(disk.handler)
    await start()
    const { client } = await TapdiskClient.open(socket())
    client.socket.pause()
    for (let index = 0; index < 100; index++) client.send(0, 0, MIB)
    await until(
      () => disk.asked.length >= 8,
      () => disk.asked.length,
    )
    const { client: other } = await TapdiskClient.open(socket())
    for (let index = 0; index < 200; index++) {
      other.send(0, 0, 512)
      await other.reply(512)
    }
    expect(disk.asked.filter(({ length }) => length === MIB).length).toBeLessThan(90)
    client.socket.resume()
    for (let index = 0; index < 100; index++) await client.reply(MIB)
  })

  test('a client that leaves, in order or not, leaves the worker, too', async () => {
    const disk = new HeldDisk()
    await serve(disk.handler)
    const { clients } = await start()
    expect(clients).toBe(0)
    const polite = (await TapdiskClient.open(socket())).client
    polite.send(1, 0, 4, Buffer.from('last'))
    polite.send(2, 0, 0)
    const rude = (await TapdiskClient.open(socket())).client
    rude.send(1, 0, 4, Buffer.from('lost'))
    await until(
      () => disk.held.length === 2,
      () => disk.held.length,
    )
    rude.socket.destroy()
    disk.answer({ error: 0 })
    disk.answer({ error: 0 })
    expect((await polite.reply(0)).error).toBe(0)
    await expect(polite.take(1)).rejects.toThrow('closed')
    await until(
      () => front?.clients === 0 && worker?.connections === 0,
      () => [front?.clients, worker?.connections],
    )
  })

  test('a server that lies is left, and the client hears nothing of it', async () => {
    const visitors: Socket[] = []
    const liar = createServer((visitor) => {
      visitors.push(visitor)
      visitor.on('error', () => undefined)
      visitor.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    liar.listen(workerSocket())
    await start()
    const opening = TapdiskClient.open(socket())
    await until(
      () => visitors.length >= 3,
      () => visitors.length,
    )
    expect(log.lines).toEqual([expect.stringContaining('it does not speak NBD')])
    const closed = once(liar, 'close')
    liar.close()
    for (const visitor of visitors) visitor.destroy()
    await closed
    await serve(new MemoryDisk(MIB).handler, MIB)
    expect((await opening).sizeBytes).toBe(MIB)
  })

  test('who never chooses is closed, once there is something to choose', async () => {
    await start({ handshakeMs: 20 })
    const silent = connect(socket())
    silent.resume()
    const closed = once(silent, 'close')
    await until(
      () => front?.clients === 1,
      () => front?.clients,
    )
    await serve(new MemoryDisk(MIB).handler, MIB)
    await closed
    expect(front?.clients).toBe(0)
  })

  test('garbage ends that client only', async () => {
    await serve(new MemoryDisk(MIB).handler, MIB)
    await start()
    const { client } = await TapdiskClient.open(socket())
    const bad = connect(socket())
    bad.on('error', () => undefined)
    bad.resume()
    bad.write('GET / HTTP/1.1\r\n\r\n')
    await once(bad, 'close')
    client.send(0, 0, 512)
    expect((await client.reply(512)).error).toBe(0)
  })

  test('paths that would be cut off, or lead nowhere, are refused', async () => {
    const long = join(folder, 'x'.repeat(100))
    await expect(start({ listen: long })).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
    await expect(start({ to: long })).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
    await expect(start({ listen: join(folder, 'no', 'front.sock') })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('the executable', () => {
  let bench: FrontBench
  beforeEach(() => {
    bench = new FrontBench()
  })
  afterEach(() => bench.close())

  test('says how it is used, and what it cannot do', async () => {
    const help = bench.launch('--help')
    expect([await help.ended, help.log()]).toEqual([0, expect.stringMatching(/^usage: holdfast-front --listen PATH/)])
    const wrong = bench.launch('--listen', bench.socket, '--to', bench.workerSocket)
    expect([await wrong.ended, wrong.log()]).toEqual([64, expect.stringMatching(/^holdfast-front: --export is missing\nusage: /)])
    const unknown = bench.launch('--frobnicate')
    expect([await unknown.ended, unknown.log()]).toEqual([64, expect.stringContaining("Unknown option '--frobnicate'")])
    const nowhere = bench.launch('--listen', '/nonexistent/a.sock', '--to', bench.workerSocket, '--export', 'disk')
    expect([await nowhere.ended, nowhere.log()]).toEqual([69, expect.stringMatching(/cannot listen .*ENOENT/)])
  })

  test('ends by itself when its name is gone and the last client has left', async () => {
    const first = await bench.start()
    const disk = new MemoryDisk(MIB)
    const worker = await createNbdExport({
      listen: { unix: bench.workerSocket },
      ...{ exportName: 'disk', sizeBytes: MIB, handler: disk.handler, log: new QuietLog() },
    })
    try {
      const { client } = await TapdiskClient.open(bench.socket)
      const second = await bench.start()
      // The first one has lost its name, and keeps its client.
      const { client: other } = await TapdiskClient.open(bench.socket)
      for (const each of [client, other]) {
        each.send(0, 0, 512)
        expect((await each.reply(512)).error).toBe(0)
      }
      client.send(2, 0, 0)
      expect(await first.ended).toBe(0)
      expect(existsSync(bench.socket)).toBe(true)
      other.send(0, 0, 512)
      expect((await other.reply(512)).error).toBe(0)
      expect(await second.kill('SIGTERM')).toBe(0)
      await expect(other.take(1)).rejects.toThrow('closed')
      expect(existsSync(bench.socket)).toBe(false)
    } finally {
      await worker.close()
    }
  })
})
