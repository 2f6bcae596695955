import { once } from 'node:events'
import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { FrontStage, MIB } from './front-stage'
import { HeldDisk } from './held-disk'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { run } from './run-client'
import { TapdiskClient } from './tapdisk-client'

const ESHUTDOWN = 108

jest.setTimeout(60_000)

let stage: FrontStage
beforeEach(() => {
  stage = new FrontStage()
})
afterEach(() => stage.close())

test('greets at once, and lets the client wait for the first worker', async () => {
  await stage.start()
  const opening = TapdiskClient.open(stage.socket)
  const early = connect(stage.socket)
  const [greeting] = (await once(early, 'data')) as [Buffer]
  expect(greeting.toString('hex')).toBe('4e42444d4147494349484156454f50540003')
  early.destroy()
  const disk = new MemoryDisk(16 * MIB)
  await stage.serve(disk.handler)
  const { client, sizeBytes } = await opening
  expect(sizeBytes).toBe(16 * MIB)
  client.send(1, 0, 4, Buffer.from('abcd'))
  expect((await client.reply(0)).error).toBe(0)
  // The worker has to know that this client has never heard of flush.
  expect(disk.asked.map(({ kind, durable, fua }) => [kind, durable, fua])).toEqual([['write', true, true]])
  expect(statSync(stage.socket).mode & 0o777).toBe(0o600)
})

test('a client of the newer dialect is one to the worker, too', async () => {
  const disk = new MemoryDisk(16 * MIB)
  await stage.serve(disk.handler)
  await stage.start()
  expect(
    await run('qemu-io', '-f', 'raw', '-t', 'writeback', '-c', 'write -P 7 0 4M', '-c', 'read -P 7 0 4M', stage.uri),
  ).toMatchObject({
    status: 0,
    output: expect.not.stringMatching(/fail|error/i) as string,
  })
  expect(disk.asked.some(({ kind, durable, fua }) => kind === 'write' && !durable && !fua)).toBe(true)
  const { status, output } = await run('nbdinfo', stage.uri)
  expect(output).toMatch(/export-size: 16777216 .*can_flush: true.*can_fua: true/s)
  expect(status).toBe(0)
  expect(await run('nbdinfo', '--list', `nbd+unix://?socket=${stage.socket}`)).toMatchObject({
    output: expect.stringContaining('export="disk"') as string,
  })
})

test('what a worker left unanswered, the next one is asked, in order, with the bytes', async () => {
  const first = new HeldDisk()
  await stage.serve(first.handler)
  await stage.start()
  const { client } = await TapdiskClient.open(stage.socket)
  const handles = [client.send(1, 0, 4, Buffer.from('aaaa')), client.send(1, 2, 4, Buffer.from('bbbb')), client.send(0, 0, 8)]
  await until(
    () => first.held.length === 3,
    () => first.held.length,
  )
  await stage.stopWorker()
  handles.push(client.send(1, 4, 4, Buffer.from('cccc')))
  const second = new HeldDisk()
  await stage.serve(second.handler)
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
  expect(stage.log.lines).toEqual([])
})

test("a worker that is ending is left when it has answered the rest; a disk's error is the client's", async () => {
  const first = new HeldDisk()
  await stage.serve(first.handler)
  await stage.start()
  const { client } = await TapdiskClient.open(stage.socket)
  const [refused, slow, bad] = [client.send(0, 0, 8), client.send(0, 8, 8), client.send(0, 16, 8)]
  await until(
    () => first.held.length === 3,
    () => first.held.length,
  )
  first.answer({ error: ESHUTDOWN })
  first.held.reverse()
  first.answer({ error: 5 })
  expect(await client.reply(8)).toMatchObject({ handle: bad, error: 5 })
  expect(stage.worker?.connections).toBe(1)
  first.answer({ error: 0, data: Buffer.alloc(8, 1) })
  expect(await client.reply(8)).toMatchObject({ handle: slow, error: 0 })
  // It is the same worker that is found again, and it has changed its mind.
  await until(
    () => first.held.length === 1,
    () => first.held.length,
  )
  first.answer({ error: 0, data: Buffer.alloc(8, 2) })
  expect(await client.reply(8)).toEqual({ handle: refused, error: 0, data: Buffer.alloc(8, 2) })
  expect(stage.log.lines).toEqual([expect.stringContaining('front: a worker was left')])
})

test('never another disk: while one of another size serves, the client waits', async () => {
  await stage.serve(new MemoryDisk(16 * MIB).handler)
  await stage.start()
  const { client } = await TapdiskClient.open(stage.socket)
  await stage.stopWorker()
  const stranger = new MemoryDisk(8 * MIB)
  await stage.serve(stranger.handler, 8 * MIB)
  client.send(1, 0, 4, Buffer.from('mine'))
  await until(
    () => stage.log.lines.some((line) => line.includes("its disk has 8388608 bytes, the client's 16777216")),
    () => stage.log.lines,
  )
  await stage.stopWorker()
  const own = new MemoryDisk(16 * MIB)
  await stage.serve(own.handler)
  expect((await client.reply(0)).error).toBe(0)
  expect([stranger.asked, own.asked.length]).toEqual([[], 1])
})

test('whose name is taken finds no other worker: its clients wait, and another front is none of their business', async () => {
  const first = new MemoryDisk(16 * MIB)
  await stage.serve(first.handler)
  const former = await stage.start()
  const { client } = await TapdiskClient.open(stage.socket)
  client.send(0, 0, 512)
  await client.reply(512)
  await stage.start()
  client.send(1, 0, 4, Buffer.from('kept'))
  expect((await client.reply(0)).error).toBe(0)
  await stage.stopWorker()
  client.send(1, 0, 4, Buffer.from('late'))
  await until(
    () => stage.log.lines.some((line) => line.startsWith('front: the disk is no longer served here, the client waits')),
    () => stage.log.lines,
  )
  const second = new MemoryDisk(16 * MIB)
  await stage.serve(second.handler)
  const { client: other } = await TapdiskClient.open(stage.socket)
  for (let index = 0; index < 100; index++) {
    other.send(1, 512, 4, Buffer.from('next'))
    expect((await other.reply(0)).error).toBe(0)
  }
  expect(second.asked.filter(({ offset }) => offset === 0)).toEqual([])
  expect([former.isAbandoned, former.clients]).toEqual([true, 1])
  await former.close()
  await expect(client.take(1)).rejects.toThrow('closed')
  expect(stage.front?.isAbandoned).toBe(false)
})
