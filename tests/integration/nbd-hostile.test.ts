import { HeldDisk } from './held-disk'
import { closed, expectServed, NbdRig } from './nbd-rig'
import { until } from './peer-sides'
import { GO_STRUCTURED, hex, REQUEST } from '../wire/nbd-bytes'

jest.setTimeout(60_000)

describe('a client that', () => {
  let rig: NbdRig
  beforeEach(() => (rig = new NbdRig()))
  afterEach(async () => {
    await rig.close()
    expect(rig.served.connections).toBe(0)
  })

  test('says goodbye and goes on talking is not listened to', async () => {
    const disk = new HeldDisk()
    await rig.serve({ handler: disk.handler })
    const client = await rig.guest()
    client.send(0, 0, 512)
    client.send(2, 0, 0)
    for (let index = 0; index < 1000; index++) client.send(1, 0, 4096, Buffer.alloc(4096))
    await until(
      () => client.socket.writableLength === 0,
      () => client.socket.writableLength,
    )
    expect(disk.held.length).toBe(1)
    disk.answer({ error: 0, data: Buffer.alloc(512) })
    await client.reply(512)
    await expect(client.take(1)).rejects.toThrow('closed')
    expect(rig.served.heldBytes).toBe(0)
  })

  test('asks what is allocated again and again, and takes no answer, is not listened to any more', async () => {
    const blocks = [true, false].map((hole) => ({ lengthBytes: 512, hole, zero: hole }))
    const all = Array.from({ length: 4096 }, (_none, at) => blocks[at % 2] ?? { lengthBytes: 1, hole: false, zero: false })
    let looks = 0
    await rig.serve({
      extents: (_offset, _length, _one, reply) => {
        looks += 1
        setImmediate(() => reply({ error: 0, extents: all }))
      },
    })
    const good = await rig.guest()
    const bad = rig.stranger()
    const status = hex(REQUEST, '0000 0007', '0102030405060708', '0000000000000000 04000000')
    bad.write(GO_STRUCTURED)
    bad.write(Buffer.concat(Array<Buffer>(100_000).fill(status)))
    await until(
      () => looks >= 32,
      () => looks,
    )
    for (let turn = 0; turn < 100; turn += 1) await expectServed(good)
    // Half of all requests may be one client's, until it takes the answers; the socket may have taken some, of 32 KiB each.
    expect(looks).toBeLessThan(100)
    expect(rig.served.connections).toBe(2)
  })

  test('never chooses a disk makes room for one that does', async () => {
    await rig.serve()
    const crowd = Array.from({ length: 64 }, () => rig.stranger())
    await until(
      () => rig.served.connections === crowd.length,
      () => rig.served.connections,
    )
    await expectServed(await rig.guest())
    expect(rig.served.connections).toBe(crowd.length)
    expect(rig.log.lines[0]).toContain('others want to connect')
  })

  test('comes after sixty-four others that are being served is sent away', async () => {
    await rig.serve({ handshakeMs: 600_000 })
    const crowd = await Promise.all(Array.from({ length: 64 }, () => rig.guest()))
    await closed(rig.stranger().resume())
    expect(rig.log.lines[0]).toContain('there are 64 clients')
    expect(rig.served.connections).toBe(64)
    for (const client of crowd) await expectServed(client)
  })

  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: disk\r\n\r\n')],
    ['TLS without being asked', Buffer.from('16030100c8010000c40303' + '00'.repeat(300), 'hex')],
    ['the old style', Buffer.from('00420281861253' + '00'.repeat(100), 'hex')],
    ['an option of four gigabytes, and none of it', Buffer.from('0000000349484156454f505400000007ffffffff', 'hex')],
    ['a name without an end', Buffer.from('0000000349484156454f505400000001ffffffff' + '61'.repeat(100_000), 'hex')],
    ['endless options', Buffer.from('00000003' + '49484156454f50540000000300000000'.repeat(5000), 'hex')],
  ])('speaks %s harms nobody', async (_name, bytes) => {
    await rig.serve({ handshakeMs: 300 })
    const good = await rig.guest()
    const bad = rig.stranger().resume()
    bad.write(bytes)
    await closed(bad)
    await expectServed(good)
    expect(rig.served.connections).toBe(1)
    expect(rig.log.lines.length).toBe(1)
  })

  test('comes back with the same noise again and again fills no log', async () => {
    await rig.serve()
    for (let index = 0; index < 200; index++) {
      const bad = rig.stranger().resume()
      bad.write('GET / HTTP/1.1\r\n\r\n')
      await closed(bad)
    }
    expect(rig.log.lines.length).toBeLessThan(5)
  })
})

describe('a disk that answers', () => {
  test('twice, or with the wrong amount, is a bug of ours', async () => {
    const rig = new NbdRig()
    const disk = new HeldDisk()
    await rig.serve({ handler: disk.handler })
    const client = await rig.guest()
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
    await rig.close()
  })
})
