import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport, type NbdExportOptions } from '../../lib/dom0/nbd/nbd-export'
import { HeldDisk } from './held-disk'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { TapdiskClient } from './tapdisk-client'

jest.setTimeout(60_000)
const MIB = 1024 * 1024

describe('an export', () => {
  let folder = ''
  let log: QuietLog
  let served: NbdExport | null = null
  const path = (): string => join(folder, 'disk.sock')
  const serve = async (over: Partial<NbdExportOptions> & Pick<NbdExportOptions, 'handler'>): Promise<NbdExport> => {
    served = await createNbdExport({ listen: { unix: path() }, exportName: 'disk-0', sizeBytes: 16 * MIB, log, ...over })
    return served
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
    log = new QuietLog()
  })
  afterEach(async () => {
    await served?.close()
    served = null
    rmSync(folder, { recursive: true })
  })

  test('tapdisk: greeting whole, writes durable, 352 requests outstanding, goodbye', async () => {
    const disk = new MemoryDisk(16 * MIB)
    const { connections } = await serve({ handler: disk.handler })
    expect(connections).toBe(0)
    const { client, sizeBytes, greeting } = await TapdiskClient.open(path())
    expect(greeting.toString('hex')).toBe('4e42444d4147494349484156454f50540003')
    expect(sizeBytes).toBe(16 * MIB)
    const sent = new Set<string>()
    for (let index = 0; index < 352; index++) sent.add(client.send(1, index * 4096, 4096, Buffer.alloc(4096, index % 256)))
    for (let index = 0; index < 352; index++) {
      const { handle, error } = await client.reply(0)
      expect(error).toBe(0)
      expect(sent.delete(handle)).toBe(true)
    }
    client.send(1, 8 * MIB, 8 * MIB, Buffer.alloc(8 * MIB, 0x42))
    await client.reply(0)
    client.send(0, 8 * MIB, 8 * MIB)
    expect((await client.reply(8 * MIB)).data.equals(Buffer.alloc(8 * MIB, 0x42))).toBe(true)
    expect(disk.asked.filter(({ kind }) => kind === 'write').every(({ fua, durable }) => fua && durable)).toBe(true)
    client.send(2, 0, 0)
    await expect(client.take(1)).rejects.toThrow('closed')
    await until(
      () => served?.connections === 0,
      () => served?.connections,
    )
    expect(log.lines).toEqual([])
  })

  test('answers leave in the order of the answers, and an error carries no data', async () => {
    const disk = new HeldDisk()
    await serve({ handler: disk.handler })
    const { client } = await TapdiskClient.open(path())
    const handles = [client.send(0, 0, 512), client.send(0, 512, 512), client.send(1, 0, 3, Buffer.from('abc'))]
    await until(
      () => disk.held.length === 3,
      () => disk.held.length,
    )
    disk.held.reverse()
    disk.answer({ error: 28 })
    disk.answer({ error: 0, data: Buffer.alloc(512, 2) })
    disk.answer({ error: 5 })
    expect(await client.reply(0)).toEqual({ handle: handles[2], error: 28, data: Buffer.alloc(0) })
    expect(await client.reply(512)).toEqual({ handle: handles[1], error: 0, data: Buffer.alloc(512, 2) })
    expect(await client.reply(512)).toEqual({ handle: handles[0], error: 5, data: Buffer.alloc(0) })
  })

  test('goodbye waits for what was asked before it', async () => {
    const disk = new HeldDisk()
    await serve({ handler: disk.handler })
    const { client } = await TapdiskClient.open(path())
    client.send(1, 0, 1, Buffer.from('x'))
    client.send(2, 0, 0)
    await until(
      () => disk.held.length === 1,
      () => disk.held.length,
    )
    disk.answer({ error: 0 })
    expect((await client.reply(0)).error).toBe(0)
    await expect(client.take(1)).rejects.toThrow('closed')
  })

  test('a client that said goodbye and takes no answer does not hold up the end', async () => {
    const disk = new MemoryDisk(16 * MIB)
    await serve({ handler: disk.handler })
    const { client } = await TapdiskClient.open(path())
    client.socket.pause()
    for (let index = 0; index < 7; index++) client.send(0, 0, MIB)
    client.send(2, 0, 0)
    await until(
      () => disk.asked.length === 7 && served?.inflight === 0,
      () => [disk.asked.length, served?.inflight],
    )
    expect(served?.connections).toBe(1)
    await served?.close()
    expect(served?.connections).toBe(0)
    client.socket.destroy()
  })

  test('takes in no more than its limits, over all connections, and goes on when there is room', async () => {
    const disk = new HeldDisk()
    await serve({ handler: disk.handler, limits: { requests: 10, bytes: MIB } })
    const clients = [(await TapdiskClient.open(path())).client, (await TapdiskClient.open(path())).client]
    for (const client of clients) for (let index = 0; index < 40; index++) client.send(0, index * 512, 512)
    await until(
      () => disk.held.length === 10,
      () => disk.held.length,
    )
    let most = 0
    for (let answered = 0; answered < 80; answered++) {
      await until(
        () => disk.held.length > 0,
        () => answered,
      )
      most = Math.max(most, disk.held.length)
      expect(served?.inflight).toBe(disk.held.length)
      disk.answer({ error: 0, data: Buffer.alloc(512) })
    }
    expect(most).toBe(10)
    for (const client of clients) for (let index = 0; index < 40; index++) expect((await client.reply(512)).error).toBe(0)
    for (const client of clients) for (let index = 0; index < 4; index++) client.send(1, 0, MIB / 2, Buffer.alloc(MIB / 2))
    await until(
      () => disk.held.length === 2,
      () => disk.held.length,
    )
    for (let answered = 0; answered < 8; answered++) {
      await until(
        () => disk.held.length > 0,
        () => answered,
      )
      expect(disk.held.length).toBeLessThanOrEqual(2)
      expect(served?.heldBytes).toBeLessThanOrEqual(MIB)
      disk.answer({ error: 0 })
    }
    for (const client of clients) for (let index = 0; index < 4; index++) expect((await client.reply(0)).error).toBe(0)
  })

  test('a client that takes no answers is not read from for ever', async () => {
    const disk = new MemoryDisk(16 * MIB)
    await serve({ handler: disk.handler })
    const { client } = await TapdiskClient.open(path())
    client.socket.pause()
    for (let index = 0; index < 100; index++) client.send(0, 0, MIB)
    await until(
      () => disk.asked.length >= 8,
      () => disk.asked.length,
    )
    const other = (await TapdiskClient.open(path())).client
    for (let index = 0; index < 200; index++) {
      other.send(0, 0, 512)
      await other.reply(512)
    }
    expect(disk.asked.filter(({ connection }) => connection === 1).length).toBeLessThan(90)
    client.socket.resume()
    for (let index = 0; index < 100; index++) await client.reply(MIB)
  })

  test('answers after the client is gone are dropped, and its room is given back', async () => {
    const disk = new HeldDisk()
    await serve({ handler: disk.handler, limits: { requests: 1, bytes: MIB } })
    const { client } = await TapdiskClient.open(path())
    client.send(0, 0, 512)
    await until(
      () => disk.held.length === 1,
      () => disk.held.length,
    )
    client.socket.destroy()
    await until(
      () => served?.connections === 0,
      () => served?.connections,
    )
    const { client: next } = await TapdiskClient.open(path())
    next.send(0, 0, 512)
    disk.answer({ error: 0, data: Buffer.alloc(512) })
    await until(
      () => disk.held.length === 1,
      () => disk.held.length,
    )
    disk.answer({ error: 0, data: Buffer.alloc(512, 9) })
    expect((await next.reply(512)).data.equals(Buffer.alloc(512, 9))).toBe(true)
  })

  test('garbage is told to the log, and ends that connection only', async () => {
    const disk = new MemoryDisk(16 * MIB)
    await serve({ handler: disk.handler })
    const { client: good } = await TapdiskClient.open(path())
    const bad = connect(path())
    bad.on('error', () => undefined)
    bad.write('GET / HTTP/1.1\r\n\r\n')
    bad.resume()
    await new Promise((resolve) => bad.once('close', resolve))
    expect(log.lines).toHaveLength(1)
    good.send(0, 0, 512)
    expect((await good.reply(512)).error).toBe(0)
  })

  test('who never chooses is closed', async () => {
    await serve({ handler: new MemoryDisk(MIB).handler, handshakeMs: 20 })
    const silent = connect(path())
    silent.resume()
    await new Promise((resolve) => silent.once('close', resolve))
    expect(log.lines).toEqual([
      'nbd: client turned away {"exportName":"disk-0","connection":1,"reason":"chose no export in time","times":1}',
    ])
  })

  test('close ends every connection', async () => {
    await serve({ handler: new HeldDisk().handler })
    const { client } = await TapdiskClient.open(path())
    client.send(0, 0, 512)
    await served?.close()
    await expect(client.take(1)).rejects.toThrow('closed')
    served = null
  })

  test('a socket path that would be cut off is refused', async () => {
    const long = join(folder, 'x'.repeat(100))
    await expect(serve({ handler: new HeldDisk().handler, listen: { unix: long } })).rejects.toMatchObject({
      code: 'ENAMETOOLONG',
    })
  })

  test('a folder that is not there is told', async () => {
    const nowhere = join(folder, 'no', 'disk.sock')
    await expect(serve({ handler: new HeldDisk().handler, listen: { unix: nowhere } })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
