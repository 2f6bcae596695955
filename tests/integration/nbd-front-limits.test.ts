import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { FrontStage, MIB } from './front-stage'
import { HeldDisk } from './held-disk'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { TapdiskClient } from './tapdisk-client'

jest.setTimeout(60_000)

let stage: FrontStage
beforeEach(() => {
  stage = new FrontStage()
})
afterEach(() => stage.close())

test('holds no more than its limits, whether or not there is a worker, and goes on when there is', async () => {
  await stage.serve(new MemoryDisk(16 * MIB).handler)
  await stage.start({ limits: { requests: 20, bytes: MIB } })
  const { client } = await TapdiskClient.open(stage.socket)
  client.send(0, 0, 512)
  await client.reply(512)
  await stage.stopWorker()
  for (let index = 0; index < 200; index++) client.send(1, index * 512, 512, Buffer.alloc(512, index))
  const disk = new HeldDisk()
  await stage.serve(disk.handler)
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
  await stage.serve(disk.handler)
  await stage.start()
  const { client } = await TapdiskClient.open(stage.socket)
  client.socket.pause()
  for (let index = 0; index < 100; index++) client.send(0, 0, MIB)
  await until(
    () => disk.asked.length >= 8,
    () => disk.asked.length,
  )
  const { client: other } = await TapdiskClient.open(stage.socket)
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
  await stage.serve(disk.handler)
  const { clients } = await stage.start()
  expect(clients).toBe(0)
  const polite = (await TapdiskClient.open(stage.socket)).client
  polite.send(1, 0, 4, Buffer.from('last'))
  polite.send(2, 0, 0)
  const rude = (await TapdiskClient.open(stage.socket)).client
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
    () => stage.front?.clients === 0 && stage.worker?.connections === 0,
    () => [stage.front?.clients, stage.worker?.connections],
  )
})

test('a server that lies is left, and the client hears nothing of it', async () => {
  const visitors: Socket[] = []
  const liar = createServer((visitor) => {
    visitors.push(visitor)
    visitor.on('error', () => undefined)
    visitor.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))
  })
  liar.listen(stage.workerSocket)
  await stage.start()
  const opening = TapdiskClient.open(stage.socket)
  await until(
    () => visitors.length >= 3,
    () => visitors.length,
  )
  expect(stage.log.lines).toEqual([expect.stringContaining('it does not speak NBD')])
  const closed = once(liar, 'close')
  liar.close()
  for (const visitor of visitors) visitor.destroy()
  await closed
  await stage.serve(new MemoryDisk(MIB).handler, MIB)
  expect((await opening).sizeBytes).toBe(MIB)
})

test('who never chooses is closed, once there is something to choose', async () => {
  await stage.start({ handshakeMs: 20 })
  const silent = connect(stage.socket)
  silent.resume()
  const closed = once(silent, 'close')
  await until(
    () => stage.front?.clients === 1,
    () => stage.front?.clients,
  )
  await stage.serve(new MemoryDisk(MIB).handler, MIB)
  await closed
  expect(stage.front?.clients).toBe(0)
})

test('garbage ends that client only', async () => {
  await stage.serve(new MemoryDisk(MIB).handler, MIB)
  await stage.start()
  const { client } = await TapdiskClient.open(stage.socket)
  const bad = connect(stage.socket)
  bad.on('error', () => undefined)
  bad.resume()
  bad.write('GET / HTTP/1.1\r\n\r\n')
  await once(bad, 'close')
  client.send(0, 0, 512)
  expect((await client.reply(512)).error).toBe(0)
})

test('paths that would be cut off, or lead nowhere, are refused', async () => {
  const long = join(stage.folder, 'x'.repeat(100))
  await expect(stage.start({ listen: long })).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  await expect(stage.start({ to: long })).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  await expect(stage.start({ listen: join(stage.folder, 'no', 'front.sock') })).rejects.toMatchObject({ code: 'ENOENT' })
})
