import type { Socket } from 'node:net'
import { PAYLOAD_BYTES_MAX } from '../../lib/wire/nbd/numbers'
import { HeldDisk } from './held-disk'
import { expectServed, NbdRig } from './nbd-rig'
import { until } from './peer-sides'

jest.setTimeout(60_000)
const MIB = 1024 * 1024

/** The room that clients share: who takes it, who gets it back, who has to go. */
describe('a client that', () => {
  let rig: NbdRig
  beforeEach(() => (rig = new NbdRig()))
  afterEach(async () => {
    await rig.close()
    expect(rig.served.connections).toBe(0)
  })
  const writeHeader = (bytes: number): Buffer => {
    const header = Buffer.alloc(28)
    header.writeUInt32BE(0x25609513, 0)
    header.writeUInt16BE(1, 6)
    header.writeUInt32BE(bytes, 24)
    return header
  }

  test('announces the largest write and sends a part of it, holds no more than that, and gives it back when it goes', async () => {
    await rig.serve()
    const slow = await rig.guest()
    slow.socket.write(Buffer.concat([writeHeader(PAYLOAD_BYTES_MAX), Buffer.alloc(MIB)]))
    await rig.holds(PAYLOAD_BYTES_MAX)
    slow.socket.destroy()
    await rig.holds(0)
    await expectServed(await rig.guest())
  })

  test('is one of many that announce the largest write: room is taken before memory is', async () => {
    await rig.serve()
    const many = await Promise.all(Array.from({ length: 10 }, () => rig.guest()))
    for (const { socket } of many) socket.write(Buffer.concat([writeHeader(PAYLOAD_BYTES_MAX), Buffer.alloc(1000)]))
    await rig.holds(PAYLOAD_BYTES_MAX)
    let most = 0
    for (const client of many) {
      client.socket.write(Buffer.alloc(PAYLOAD_BYTES_MAX - 1000, 7))
      await until(
        () => {
          most = Math.max(most, rig.served.heldBytes)
          return rig.disk.asked.length === many.indexOf(client) + 1
        },
        () => rig.disk.asked.length,
      )
      expect((await client.reply(0)).error).toBe(0)
    }
    // One that was let in while the last of the room was given away.
    expect(most).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX + 8 * MIB)
    await rig.holds(0)
  })

  test('stops in the middle of a write has to go when others wait', async () => {
    await rig.serve({ stallMs: 50 })
    const slow = await rig.guest()
    slow.socket.write(Buffer.concat([writeHeader(8 * MIB), Buffer.alloc(1000)]))
    await rig.holds(8 * MIB)
    await expectServed(await rig.guest())
    expect(rig.served.connections).toBe(1)
    expect(rig.log.lines[0]).toMatch(/turned away.*stopped in the middle/)
  })

  test('takes no answers has to go when others wait', async () => {
    await rig.serve({ stallMs: 50, limits: { requests: 64, bytes: 4 * MIB } })
    const deaf = await Promise.all([rig.guest(), rig.guest()])
    for (const { socket } of deaf) socket.pause()
    for (const client of deaf) for (let index = 0; index < 8; index++) client.send(0, 0, MIB)
    await rig.holds(4 * MIB)
    await expectServed(await rig.guest())
    expect(rig.log.lines[0]).toMatch(/turned away.*stopped in the middle/)
  })

  test('takes its answers slowly, yet does take them, is left alone though others wait', async () => {
    const stallMs = 400
    await rig.serve({ stallMs, limits: { requests: 64, bytes: 32 * MIB } })
    const slow = await Promise.all([rig.guest(), rig.guest()])
    for (const { socket } of slow) socket.pause()
    for (const client of slow) for (let index = 0; index < 16; index++) client.send(0, 0, MIB)
    await rig.holds(32 * MIB)
    const [other] = [await rig.guest(), await rig.guest()]
    other.send(0, 0, 512)
    const start = performance.now()
    for (let at = start; at - start < 4 * stallMs;) {
      for (const { socket } of slow) await takeSome(socket)
      const tookMs = performance.now() - at
      // The test itself was held up for too long to say anything.
      if (tookMs > stallMs / 2) break
      at += tookMs
    }
    // The fourth holds nothing, and may be silent.
    expect(rig.served.connections).toBe(4)
    expect(rig.log.lines).toEqual([])
    for (const { socket } of slow) socket.destroy()
    expect((await other.reply(512)).error).toBe(0)
  })

  test('holds its half does not keep the others from a disk that stands still for it', async () => {
    const disk = new HeldDisk()
    await rig.serve({ handler: disk.handler, limits: { requests: 8, bytes: 4 * MIB } })
    const [greedy, modest] = [await rig.guest(), await rig.guest()]
    const asked = (count: number): Promise<void> =>
      until(
        () => disk.held.length === count,
        () => disk.held.length,
      )
    for (let index = 0; index < 50; index++) greedy.send(0, 0, 512)
    await asked(4)
    modest.send(0, 0, 512)
    await asked(5)
    expect(disk.held.at(-1)?.request.connection).toBe(2)
  })

  test('asks for the impossible endlessly and reads nothing: its answers are bounded as well', async () => {
    await rig.serve()
    const mad = await rig.guest()
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
    const other = await rig.guest()
    for (let round = 0; round < 100; round++) await expectServed(other)
    expect(taken).toBeLessThan(32 * MIB)
  })

  test('closes its sending side in the middle of a request is gone', async () => {
    await rig.serve()
    const client = await rig.guest()
    client.socket.end(Buffer.concat([writeHeader(MIB), Buffer.alloc(1000)]))
    await until(
      () => rig.served.connections === 0 && rig.served.heldBytes === 0,
      () => [rig.served.connections, rig.served.heldBytes],
    )
  })

  test('vanishes while all its room is used up is noticed', async () => {
    const disk = new HeldDisk()
    await rig.serve({ handler: disk.handler, limits: { requests: 4, bytes: MIB } })
    const client = await rig.guest()
    for (let index = 0; index < 4; index++) client.send(0, 0, 512)
    await until(
      () => disk.held.length === 2,
      () => disk.held.length,
    )
    client.socket.destroy()
    await until(
      () => rig.served.connections === 0,
      () => rig.served.connections,
    )
    disk.answer({ error: 0, data: Buffer.alloc(512) })
    disk.answer({ error: 5 })
    expect(rig.served.inflight).toBe(0)
    expect(rig.served.heldBytes).toBe(0)
  })
})

/** What waits for a paused socket; then a rest. */
async function takeSome(socket: Socket): Promise<void> {
  socket.read()
  await new Promise((resolve) => setTimeout(resolve, 5))
}
