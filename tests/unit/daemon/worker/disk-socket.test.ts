import { DiskSocket } from '../../../../lib/daemon/worker/disk/disk-socket'

/** One place, at which each export is heard of when it comes and when it has left. */
class Place {
  readonly told: string[] = []
  readonly #waiting: (() => void)[] = []
  #made = 0
  fails = false
  readonly disk = new DiskSocket(async () => {
    const number = ++this.#made
    this.told.push(`${number} begins`)
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    if (this.fails) throw new Error('EADDRINUSE')
    this.told.push(`${number} is there`)
    const close = (): Promise<void> => Promise.resolve(void this.told.push(`${number} leaves`))
    return { socket: `socket ${number}`, connections: 0, inflight: 0, close }
  })

  /** What has begun goes on. */
  async goOn(): Promise<void> {
    for (let turn = 0; turn < 30; turn += 1) {
      for (const each of this.#waiting.splice(0)) each()
      await Promise.resolve()
    }
  }
}

test('an export that is given back before it is there leaves before the next one comes', async () => {
  const place = new Place()
  const first = place.disk.open()
  const closed = place.disk.close()
  const second = place.disk.open()
  expect(await Promise.all([place.goOn(), first, closed, second])).toEqual([undefined, 'socket 1', undefined, 'socket 2'])
  expect(place.told).toEqual(['1 begins', '1 is there', '1 leaves', '2 begins', '2 is there'])
})

test('one that could not be made is made when it is asked for again', async () => {
  const place = new Place()
  place.fails = true
  const opened = expect(place.disk.open()).rejects.toThrow('EADDRINUSE')
  await place.goOn()
  await opened
  place.fails = false
  const again = place.disk.open()
  await place.goOn()
  expect(await again).toBe('socket 2')
  expect(place.told).toEqual(['1 begins', '2 begins', '2 is there'])
})
