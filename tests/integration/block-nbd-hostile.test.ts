import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { openBlockNbd } from '../../lib/dom0/nbd-client/block-nbd'
import type { BlockDevice } from '../../lib/ports/block-device'
import { GREETING, ScriptedServer, type Script, type Talk } from './scripted-nbd-server'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const GO_REPLY = '0003e889045565a9 00000007'
const REPLY = '67446698'

let folder = ''
let server: ScriptedServer | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-hostile-'))
})
afterEach(async () => {
  await server?.stop()
  server = null
  rmSync(folder, { recursive: true })
})
const start = async (script: Script): Promise<ScriptedServer> => (server = await ScriptedServer.start(folder, script))

describe('an NBD server that misbehaves while it negotiates', () => {
  test.each<[string, string, RegExp, Script]>([
    ['says nothing', 'ETIMEDOUT', /its greeting did not come/, () => undefined],
    ['closes at once', 'ECONNRESET', /instead of its greeting/, (talk) => void talk.socket.end()],
    [
      'closes in the middle of its greeting',
      'ECONNRESET',
      /instead of its greeting/,
      (talk) => void talk.socket.end(Buffer.from('NBDM')),
    ],
    [
      'speaks HTTP',
      'EPROTO',
      /does not speak NBD/,
      (talk) => void talk.socket.end(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ],
    ['greets and falls silent', 'ETIMEDOUT', /its answer to GO did not come/, (talk) => talk.say(GREETING)],
    ['greets and closes', 'ECONNRESET', /instead of its answer to GO/, closing(GREETING)],
    ['answers with half a header', 'ETIMEDOUT', /answer to GO/, (talk) => talk.say(GREETING, '0003e889')],
    ['answers with half a fact', 'ETIMEDOUT', /answer to GO/, (talk) => talk.say(GREETING, GO_REPLY, '00000003 0000000c 0000')],
    [
      'announces 4 GiB',
      'EPROTO',
      /option reply of 4294967295 bytes/,
      (talk) => talk.say(GREETING, GO_REPLY, '00000003 ffffffff'),
    ],
    ['answers without end', 'EPROTO', /without end/, endlessFacts],
    ['answers a byte at a time and never to the end', 'ETIMEDOUT', /answer to GO/, dripping],
    ['has an export of nothing', 'ESIZE', /0 bytes instead of 1048576/, sized('0000000000000000')],
    ['has an export of another size', 'ESIZE', /2097152 bytes instead/, sized('0000000000200000')],
    ['has an export past counting', 'EPROTO', /cannot be/, sized('7fffffffffffffff')],
    ['asks for TLS', 'ETLS', /insists on TLS/, (talk) => talk.say(GREETING, GO_REPLY, '80000005 00000000')],
    [
      'swears',
      'EACCES',
      /policy is against it: "\\u001b\[2J"/,
      (talk) => talk.say(GREETING, GO_REPLY, '80000002 00000004 1b5b324a'),
    ],
    [
      'closes instead of an export by name',
      'ECONNRESET',
      /answer to EXPORT_NAME/,
      closing(GREETING, GO_REPLY, '80000001 00000000'),
    ],
  ])('%s: %s', async (_name, code, reason, script) => {
    const { source, talks } = await start(script)
    await expect(openBlockNbd(source, MIB, code === 'ETIMEDOUT' ? 200 : 20_000)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(reason) as string,
    })
    await talks[0]?.closed()
  })

  test('a byte at a time, but to the end: served', async () => {
    const { source } = await start(async (talk) => {
      const { socket } = talk
      const slow = { say: (...parts: string[]) => drip(talk, parts), hear: (bytes: number) => talk.hear(bytes) }
      await slow.say(GREETING)
      await slow.hear(28)
      await slow.say(GO_REPLY, '00000003 0000000c 0000 0000000000100000 0005', GO_REPLY, '00000001 00000000')
      const asked = await talk.request()
      await slow.say(REPLY, '00000000', asked?.cookie ?? '', '61'.repeat(asked?.length ?? 0))
      socket.resume()
    })
    const device = await openBlockNbd(source, MIB)
    const into = Buffer.alloc(100)
    await device.read(0, into)
    expect(into.toString()).toBe('a'.repeat(100))
    await device.close()
  })
})

describe('an NBD server that misbehaves while it serves', () => {
  const asking = (device: BlockDevice): Promise<PromiseSettledResult<void>[]> =>
    Promise.allSettled([
      device.read(0, Buffer.alloc(4096)),
      device.write(4096, Buffer.alloc(4096)),
      device.zero(8192, 4096, true),
      ...Array.from({ length: 200 }, (_, index) => device.write(16_384 + index * 512, Buffer.alloc(512))),
    ])

  test.each<[string, string, RegExp, Script]>([
    ['answers without the magic number', 'EPROTO', /magic/, replying((cookie) => ['67446699 00000000', cookie])],
    ['answers what was not asked', 'EPROTO', /nothing that was asked/, replying(() => [REPLY, '00000000 00000000000fffff'])],
    ['answers twice', 'EPROTO', /nothing that was asked/, replying((cookie) => [read(cookie, 4096), REPLY, '00000000', cookie])],
    ['answers before it is asked', 'EPROTO', /before the first question|nothing that was asked/, early],
    [
      'answers in chunks, though that was not agreed',
      'EPROTO',
      /magic/,
      replying((cookie) => ['668e33ef 0001 0001', cookie, '00000000']),
    ],
    [
      "fails a read in tapdisk's dialect",
      'EPROTO',
      /tapdisk/,
      replying((cookie) => [REPLY, 'fffffffb', cookie, '00'.repeat(4096)]),
    ],
    ['closes', 'ECONNRESET', /closed the connection/, replying(() => [], 'end')],
    ['closes in a header', 'ECONNRESET', /closed the connection/, replying(() => [REPLY, '0000'], 'end')],
    ['closes in the data', 'ECONNRESET', /closed the connection/, replying((cookie) => [read(cookie, 4095)], 'end')],
    ['never ends its data', 'EPROTO', /magic/, replying((cookie) => [read(cookie, 5000)])],
    ['sends noise without end', 'EPROTO', /magic/, noise],
  ])('%s: everything rejects with %s, now and later', async (_name, code, reason, script) => {
    const { source, talks } = await start(script)
    const device = await openBlockNbd(source, MIB)
    const ends = await asking(device)
    const rejected = ends.filter((end) => end.status === 'rejected')
    expect(rejected.length).toBeGreaterThanOrEqual(ends.length - 1)
    const lost = rejected.filter((end) => (end.reason as { code: string }).code === code)
    expect(lost.length).toBeGreaterThanOrEqual(ends.length - 1)
    expect(lost[0]?.reason).toMatchObject({ message: expect.stringMatching(reason) as string })
    for (const end of await asking(device)) expect(end).toMatchObject({ reason: { code } })
    await expect(device.flush()).rejects.toMatchObject({ code })
    await device.close()
    await talks[0]?.closed()
  })

  test('an error that Linux does not have is EIO', async () => {
    const { source } = await start(replying((cookie) => [REPLY, '00002710', cookie]))
    const device = await openBlockNbd(source, MIB)
    await expect(device.read(0, Buffer.alloc(512))).rejects.toMatchObject({ code: 'EIO' })
    await device.close()
  })

  test('half a reply leaves the request waiting until the device is closed', async () => {
    const { source } = await start(replying((cookie) => [read(cookie, 100)]))
    const device = await openBlockNbd(source, MIB)
    const ended = device.read(0, Buffer.alloc(4096)).catch((error: unknown) => error)
    await device.close()
    expect(await ended).toMatchObject({ code: 'ETIMEDOUT' })
  })
})

describe('what is under way at once', () => {
  /** Answers, youngest first, only when so many requests are there or all that will come; says how much was there each time. */
  async function rounds(
    total: number,
    isFull: (count: number, bytes: number) => boolean,
    ask: (device: BlockDevice) => Promise<unknown>,
  ) {
    const seen: { count: number; bytes: number; unheardBytes: number }[] = []
    const { source } = await start(async (talk) => {
      await talk.open()
      const held: { cookie: string; length: number; type: number }[] = []
      for (let left = total; left > 0; left--) {
        const asked = await talk.request()
        if (asked === null) return
        held.push(asked)
        const bytes = held.reduce((sum, { length }) => sum + length, 0)
        if (!isFull(held.length, bytes) && left > 1) continue
        // Time for one more to come, if one would.
        await delay(20)
        seen.push({ count: held.length, bytes, unheardBytes: talk.unheardBytes })
        for (let next = held.pop(); next !== undefined; next = held.pop()) {
          talk.say(REPLY, '00000000', next.cookie, next.type === 0 ? '00'.repeat(next.length) : '')
        }
      }
      await talk.closed()
    })
    const device = await openBlockNbd(source, MIB)
    await ask(device)
    await device.close()
    return seen
  }

  test('is 128 requests', async () => {
    const ask = (device: BlockDevice): Promise<unknown> =>
      Promise.all(Array.from({ length: 300 }, (_, index) => device.read((index % 256) * 4096, Buffer.alloc(512))))
    const seen = await rounds(300, (count) => count === 128, ask)
    expect(seen.map(({ count }) => count)).toEqual([128, 128, 44])
    expect(seen.map(({ unheardBytes }) => unheardBytes)).toEqual([0, 0, 0])
  })

  test('is 32 MiB', async () => {
    const data = Buffer.alloc(MIB)
    const ask = (device: BlockDevice): Promise<unknown> => Promise.all(Array.from({ length: 70 }, () => device.write(0, data)))
    const seen = await rounds(70, (_, bytes) => bytes === 32 * MIB, ask)
    expect(seen.map(({ count }) => count)).toEqual([32, 32, 6])
    expect(seen.map(({ unheardBytes }) => unheardBytes)).toEqual([0, 0, 0])
  })
})

function closing(...parts: string[]): Script {
  return (talk) => {
    talk.say(...parts)
    talk.socket.end()
  }
}

function sized(size: string): Script {
  return (talk) => talk.say(GREETING, GO_REPLY, '00000003 0000000c 0000', size, '0005', GO_REPLY, '00000001 00000000')
}

async function endlessFacts(talk: Talk): Promise<void> {
  talk.say(GREETING)
  while (!talk.socket.destroyed) {
    talk.say(GO_REPLY, '00000003 00000002 7777')
    await delay(0)
  }
}

async function drip(talk: Talk, parts: readonly string[]): Promise<void> {
  for (const byte of Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')) {
    if (talk.socket.destroyed) return
    talk.socket.write(Buffer.from([byte]))
    await delay(1)
  }
}

async function dripping(talk: Talk): Promise<void> {
  talk.say(GREETING)
  await drip(talk, [GO_REPLY, '00000003 00004000'])
  while (!talk.socket.destroyed) await drip(talk, ['77'])
}

/** The same to every request, until the client has heard enough. */
function replying(answer: (cookie: string) => string[], then: 'go on' | 'end' = 'go on'): Script {
  return async (talk) => {
    await talk.open('0045')
    for (let asked = await talk.request(); asked !== null; asked = await talk.request()) {
      if (asked.type === 2) return
      talk.say(...answer(asked.cookie))
      if (then === 'end') talk.socket.end()
      if (then === 'end') return
    }
  }
}

const read = (cookie: string, bytes: number): string => `${REPLY}00000000${cookie}${'61'.repeat(bytes)}`

async function early(talk: Talk): Promise<void> {
  await talk.open('0045')
  talk.say(REPLY, '00000000 00000000000fffff')
}

async function noise(talk: Talk): Promise<void> {
  await talk.open('0045')
  await talk.request()
  while (!talk.socket.destroyed) {
    talk.socket.write(Buffer.alloc(MIB, 0x5a))
    await delay(0)
  }
}
