import { createServer, connect, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { DirectSend } from '../../lib/dom0/socket/direct-send'
import { loadNativeIo, type NativeIo } from '../../lib/dom0/block/native-io'
import { SEED } from '../wire/seeded'
import { Dice } from '../world/prng'
import { built, NO_NATIVE } from './native-addon'

/** So many pieces at most does one call hand over; the rest goes the usual way. */
const ONE_CALL_PIECES = 64

const withAddon = NO_NATIVE === '' ? describe : describe.skip

withAddon(`bytes sent past the streams (HOLDFAST_TEST_SEED=${SEED}) ${NO_NATIVE}`, () => {
  let folder = ''
  let native: NativeIo
  let server: Server
  let far: Socket
  let near: Socket
  beforeAll(() => void (native = built(loadNativeIo)))
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-send-'))
    server = createServer({ pauseOnConnect: true }).listen(join(folder, 'socket'))
    await once(server, 'listening')
    near = connect(join(folder, 'socket')).on('error', () => undefined)
    ;[[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[Socket], unknown]
  })
  afterEach(() => {
    for (const end of [near, far]) end.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })

  test('they and those that go the usual way arrive in the order in which they were said', async () => {
    const dice = new Dice(SEED)
    const direct = new DirectSend(near, native)
    const said: Buffer[] = []
    const ways = { direct: 0, usual: 0 }
    const say = (bytes: number, most = 100): void => {
      const pieces = Array.from({ length: 1 + dice.below(most) }, () => Buffer.alloc(1 + dice.below(bytes), dice.below(256)))
      said.push(...pieces)
      const rest = direct.send(pieces)
      ways[rest.length === 0 ? 'direct' : 'usual']++
      for (const piece of rest) near.write(piece)
    }
    say(1000, ONE_CALL_PIECES)
    expect(ways).toEqual({ direct: 1, usual: 0 })
    // Nobody reads: sooner or later the system takes no more.
    while (ways.usual < 10) say(1000)
    const heard: Buffer[] = []
    far.on('data', (bytes: Buffer) => heard.push(bytes)).resume()
    for (let step = 0; step < 300; step++) {
      say(dice.of([10, 1000, 30_000]))
      if (dice.chance(0.3)) await new Promise((resolve) => setImmediate(resolve))
    }
    near.end()
    await once(far, 'end')
    expect(Buffer.concat(heard).equals(Buffer.concat(said))).toBe(true)
  })

  test('what has ended, or is no socket, or has no addon, is left to the stream', async () => {
    const pieces = [Buffer.from('x')]
    expect(new DirectSend(near, null).send(pieces)).toBe(pieces)
    expect(new DirectSend(new PassThrough(), native).send(pieces)).toBe(pieces)
    far.destroy()
    await once(near.resume(), 'close')
    expect(new DirectSend(near, native).send(pieces)).toBe(pieces)
  })
})
