import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNbdExport, type NbdExport, type NbdExportOptions } from '../../lib/dom0/nbd-export'
import { PAYLOAD_BYTES_MAX } from '../../lib/wire/nbd/numbers'
import { HeldDisk } from './held-disk'
import { MemoryDisk } from './memory-disk'
import { until } from './peer-sides'
import { QuietLog } from './quiet-log'
import { TapdiskClient } from './tapdisk-client'

jest.setTimeout(60_000)
const MIB = 1024 * 1024
const LIMITS = { requests: 64, bytes: 8 * MIB }

describe('a client that', () => {
  let folder = ''
  let log: QuietLog
  let served: NbdExport
  let disk: MemoryDisk
  const sockets: Socket[] = []
  const path = (): string => join(folder, 'disk.sock')

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
    log = new QuietLog()
    disk = new MemoryDisk(64 * MIB)
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await served.close()
    expect(served.connections).toBe(0)
    rmSync(folder, { recursive: true })
  })

  const serve = async (over: Partial<NbdExportOptions> = {}): Promise<void> => {
    const options = { listen: { unix: path() }, exportName: 'disk-0', sizeBytes: 64 * MIB, handler: disk.handler, log }
    served = await createNbdExport({ ...options, limits: LIMITS, ...over })
  }
  const stranger = (): Socket => {
    const socket = connect(path()).on('error', () => undefined)
    sockets.push(socket)
    return socket
  }
  const guest = async (): Promise<TapdiskClient> => {
    const { client } = await TapdiskClient.open(path())
    sockets.push(client.socket)
    return client
  }
  const writeHeader = (bytes: number): Buffer => {
    const header = Buffer.alloc(28)
    header.writeUInt32BE(0x25609513, 0)
    header.writeUInt16BE(1, 6)
    header.writeUInt32BE(bytes, 24)
    return header
  }
  const isServed = async (client: TapdiskClient): Promise<void> => {
    client.send(1, 4096, 4096, Buffer.alloc(4096, 0x42))
    expect((await client.reply(0)).error).toBe(0)
    client.send(0, 4096, 4096)
    expect((await client.reply(4096)).data.equals(Buffer.alloc(4096, 0x42))).toBe(true)
  }
  const holds = (bytes: number): Promise<void> =>
    until(
      () => served.heldBytes === bytes,
      () => served.heldBytes,
    )

  test('announces the largest write and sends a part of it, holds no more than that, and gives it back when it goes', async () => {
    await serve()
    const slow = await guest()
    slow.socket.write(Buffer.concat([writeHeader(PAYLOAD_BYTES_MAX), Buffer.alloc(MIB)]))
    await holds(PAYLOAD_BYTES_MAX)
    slow.socket.destroy()
    await holds(0)
    await isServed(await guest())
  })

  test('is one of many that announce the largest write: room is taken before memory is', async () => {
    await serve()
    const many = await Promise.all(Array.from({ length: 10 }, guest))
    for (const { socket } of many) socket.write(Buffer.concat([writeHeader(PAYLOAD_BYTES_MAX), Buffer.alloc(1000)]))
    await holds(PAYLOAD_BYTES_MAX)
    let most = 0
    for (const client of many) {
      client.socket.write(Buffer.alloc(PAYLOAD_BYTES_MAX - 1000, 7))
      await until(
        () => {
          most = Math.max(most, served.heldBytes)
          return disk.asked.length === many.indexOf(client) + 1
        },
        () => disk.asked.length,
      )
      expect((await client.reply(0)).error).toBe(0)
    }
    // One that was let in while the last of the room was given away.
    expect(most).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX + LIMITS.bytes)
    await holds(0)
  })

  test('stops in the middle of a write has to go when others wait', async () => {
    await serve({ stallMs: 50 })
    const slow = await guest()
    slow.socket.write(Buffer.concat([writeHeader(LIMITS.bytes), Buffer.alloc(1000)]))
    await holds(LIMITS.bytes)
    const other = await guest()
    await isServed(other)
    expect(served.connections).toBe(1)
    expect(log.lines[0]).toMatch(/turned away.*stopped in the middle/)
  })

  test('takes no answers has to go when others wait', async () => {
    await serve({ stallMs: 50, limits: { requests: 64, bytes: 4 * MIB } })
    const deaf = await Promise.all([guest(), guest()])
    for (const { socket, ...client } of deaf) {
      expect(client).toBeDefined()
      socket.pause()
    }
    for (const client of deaf) for (let index = 0; index < 8; index++) client.send(0, 0, MIB)
    await holds(4 * MIB)
    await isServed(await guest())
    expect(log.lines[0]).toMatch(/turned away.*stopped in the middle/)
  })

  test('takes its answers slowly, yet does take them, is left alone', async () => {
    await serve({ stallMs: 200, limits: { requests: 64, bytes: 4 * MIB } })
    const [slow, other] = [await guest(), await guest()]
    slow.socket.pause()
    for (let index = 0; index < 16; index++) slow.send(0, 0, MIB)
    for (let index = 0; index < 16; index++) other.send(0, 0, MIB)
    for (let index = 0; index < 16; index++) expect((await other.reply(MIB)).error).toBe(0)
    slow.socket.resume()
    for (let index = 0; index < 16; index++) expect((await slow.reply(MIB)).error).toBe(0)
    expect(log.lines).toEqual([])
  })

  test('holds its half does not keep the others from a disk that stands still for it', async () => {
    const held = new HeldDisk()
    await serve({ handler: held.handler, limits: { requests: 8, bytes: 4 * MIB } })
    const [greedy, modest] = [await guest(), await guest()]
    for (let index = 0; index < 50; index++) greedy.send(0, 0, 512)
    await until(
      () => held.held.length === 4,
      () => held.held.length,
    )
    modest.send(0, 0, 512)
    await until(
      () => held.held.length === 5,
      () => held.held.length,
    )
    expect(held.held.at(-1)?.request.connection).toBe(2)
  })

  test('asks for the impossible endlessly and reads nothing: its answers are bounded as well', async () => {
    await serve()
    const mad = await guest()
    mad.socket.pause()
    const absurd = Buffer.alloc(28)
    absurd.writeUInt32BE(0x25609513, 0)
    absurd.writeUInt16BE(0xffff, 6)
    const flood = Buffer.concat(Array<Buffer>(2000).fill(absurd))
    let taken = 0
    const pour = (): void => {
      taken += flood.length
      if (taken < 64 * MIB) mad.socket.write(flood, pour)
    }
    mad.socket.write(flood, pour)
    await until(
      () => taken > 8 * MIB,
      () => taken,
    )
    const other = await guest()
    for (let round = 0; round < 100; round++) await isServed(other)
    expect(taken).toBeLessThan(32 * MIB)
  })

  test('says goodbye and goes on talking is not listened to', async () => {
    const held = new HeldDisk()
    await serve({ handler: held.handler })
    const client = await guest()
    client.send(0, 0, 512)
    client.send(2, 0, 0)
    for (let index = 0; index < 1000; index++) client.send(1, 0, 4096, Buffer.alloc(4096))
    await until(
      () => client.socket.writableLength === 0,
      () => client.socket.writableLength,
    )
    expect(held.held.length).toBe(1)
    held.answer({ error: 0, data: Buffer.alloc(512) })
    await client.reply(512)
    await expect(client.take(1)).rejects.toThrow('closed')
    expect(served.heldBytes).toBe(0)
  })

  test('closes its sending side in the middle of a request is gone', async () => {
    await serve()
    const client = await guest()
    client.socket.end(Buffer.concat([writeHeader(MIB), Buffer.alloc(1000)]))
    await until(
      () => served.connections === 0 && served.heldBytes === 0,
      () => [served.connections, served.heldBytes],
    )
  })

  test('vanishes while all its room is used up is noticed', async () => {
    const held = new HeldDisk()
    await serve({ handler: held.handler, limits: { requests: 4, bytes: MIB } })
    const client = await guest()
    for (let index = 0; index < 4; index++) client.send(0, 0, 512)
    await until(
      () => held.held.length === 2,
      () => held.held.length,
    )
    client.socket.destroy()
    await until(
      () => served.connections === 0,
      () => served.connections,
    )
    held.answer({ error: 0, data: Buffer.alloc(512) })
    held.answer({ error: 5 })
    expect(served.inflight).toBe(0)
    expect(served.heldBytes).toBe(0)
  })

  test('never chooses a disk makes room for one that does', async () => {
    await serve()
    const crowd = Array.from({ length: 64 }, stranger)
    await until(
      () => served.connections === 64,
      () => served.connections,
    )
    await isServed(await guest())
    expect(served.connections).toBe(64)
    expect(log.lines[0]).toContain('others want to connect')
    expect(crowd.length).toBe(64)
  })

  test('comes after sixty-four others that are being served is sent away', async () => {
    await serve()
    const crowd = await Promise.all(Array.from({ length: 64 }, guest))
    const late = stranger()
    late.resume()
    await new Promise((resolve) => late.once('close', resolve))
    expect(served.connections).toBe(64)
    for (const client of crowd) await isServed(client)
  })

  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: disk\r\n\r\n')],
    ['TLS without being asked', Buffer.from('16030100c8010000c40303' + '00'.repeat(300), 'hex')],
    ['the old style', Buffer.from('00420281861253' + '00'.repeat(100), 'hex')],
    ['an option of four gigabytes, and none of it', Buffer.from('0000000349484156454f505400000007ffffffff', 'hex')],
    ['a name without an end', Buffer.from('0000000349484156454f505400000001ffffffff' + '61'.repeat(100_000), 'hex')],
    ['endless options', Buffer.from('00000003' + '49484156454f50540000000300000000'.repeat(5000), 'hex')],
  ])('speaks %s harms nobody', async (_name, bytes) => {
    await serve({ handshakeMs: 300 })
    const good = await guest()
    const bad = stranger()
    bad.resume()
    bad.write(bytes)
    await new Promise((resolve) => bad.once('close', resolve))
    await isServed(good)
    expect(served.connections).toBe(1)
    expect(log.lines.length).toBe(1)
  })

  test('comes back with the same noise again and again fills no log', async () => {
    await serve()
    for (let index = 0; index < 200; index++) {
      const bad = stranger()
      bad.resume()
      bad.write('GET / HTTP/1.1\r\n\r\n')
      await new Promise((resolve) => bad.once('close', resolve))
    }
    expect(log.lines.length).toBeLessThan(5)
  })
})

describe('a disk', () => {
  test('that answers twice, or with the wrong amount, is a bug of ours', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-nbd-'))
    const disk = new HeldDisk()
    const path = join(folder, 'disk.sock')
    const served = await createNbdExport({
      listen: { unix: path },
      exportName: 'x',
      sizeBytes: MIB,
      handler: disk.handler,
      log: new QuietLog(),
    })
    const { client } = await TapdiskClient.open(path)
    client.send(0, 0, 512)
    client.send(1, 0, 512, Buffer.alloc(512))
    await until(
      () => disk.held.length === 2,
      () => disk.held.length,
    )
    const [read, write] = disk.held
    expect(() => read?.reply({ error: 0, data: Buffer.alloc(511) })).toThrow('what was asked for')
    write?.reply({ error: 0 })
    expect(() => write?.reply({ error: 0 })).toThrow('answered once')
    client.socket.destroy()
    await served.close()
    rmSync(folder, { recursive: true })
  })
})
