import type { DiskRequest } from '../../lib/ports/disk-export'
import { HeldDisk } from './held-disk'
import { NbdRig } from './nbd-rig'
import { until } from './peer-sides'
import type { TapdiskClient } from './tapdisk-client'

const LENGTH = 64 * 1024

describe('memory of an export', () => {
  const rig = new NbdRig()
  const disk = new HeldDisk()
  let client: TapdiskClient
  beforeAll(async () => {
    await rig.serve({ handler: disk.handler })
    client = await rig.guest()
  })
  afterAll(() => rig.close())

  /** The request, once the disk is asked. */
  const asked = async (type: 0 | 1, data?: Buffer<ArrayBuffer>): Promise<DiskRequest> => {
    client.send(type, 0, LENGTH, data)
    await until(
      () => disk.held.length === 1,
      () => disk.held.length,
    )
    const [held] = disk.held
    if (held === undefined) throw new Error('one is held')
    return held.request
  }
  const roomOf = async (): Promise<Buffer> => (await asked(0)).room?.() ?? Buffer.alloc(0)
  const written = async (text: string): Promise<Buffer> => (await asked(1, Buffer.alloc(LENGTH, text))).data ?? Buffer.alloc(0)

  test('the room of a read is always the same, and is used again once its data were taken', async () => {
    const first = await roomOf()
    expect(first.length).toBe(LENGTH)
    expect(disk.held[0]?.request.room?.()).toBe(first)
    disk.answer({ error: 0, data: first.fill('a') })
    expect((await client.reply(LENGTH)).data.equals(Buffer.alloc(LENGTH, 'a'))).toBe(true)
    const second = await roomOf()
    expect(second.buffer).toBe(first.buffer)
    disk.answer({ error: 0, data: second.fill('b') })
    await client.reply(LENGTH)
  })

  test.each([
    ['other data were given', { error: 0, data: Buffer.alloc(LENGTH, 'x') }],
    ['the read failed', { error: 5 }],
  ])('a room that may still be written to, because %s, is not used again', async (_name, answer) => {
    const abandoned = await roomOf()
    disk.answer(answer)
    const { data } = await client.reply(LENGTH)
    expect(data.length).toBe(answer.error === 0 ? LENGTH : 0)
    for (let round = 0; round < 3; round++) {
      const room = await roomOf()
      expect(room.buffer).not.toBe(abandoned.buffer)
      disk.answer({ error: 0, data: room })
      await client.reply(LENGTH)
    }
  })

  test("a write's data stay as long as they are not said to be free", async () => {
    const kept: Buffer[] = []
    for (let round = 0; round < 40; round++) {
      const data = await written(round % 10 === 5 ? 'k' : 'other')
      if (round % 10 === 5) kept.push(data)
      disk.answer({ error: 0, dataIsFree: round % 10 !== 5 })
      await client.reply(0)
    }
    expect(kept.map((data) => data.equals(Buffer.alloc(LENGTH, 'k')))).toEqual([true, true, true, true])
  })

  test('data that are free make place for the next', async () => {
    const seen = new Set<ArrayBufferLike>()
    for (let round = 0; round < 20; round++) {
      const data = await written(String(round))
      expect(data.equals(Buffer.alloc(LENGTH, String(round)))).toBe(true)
      seen.add(data.buffer)
      disk.answer({ error: 0, dataIsFree: true })
      await client.reply(0)
    }
    expect(seen.size).toBeLessThanOrEqual(2)
  })
})
