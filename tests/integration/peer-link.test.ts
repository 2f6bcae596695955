import { createServer } from 'node:net'
import { loadNativeTls } from '../../lib/dom0/socket/native-tls'
import { connectPeer, listenPeer } from '../../lib/dom0/peer-link'
import type { PeerEndpoint, PeerListen } from '../../lib/ports/peer-connect'
import type { PeerFrame } from '../../lib/wire/peer'
import type { EpochPart } from '../../lib/wire/peer-epochs'
import { ADDONS, NO_NATIVE } from '../contracts/native-addon'
import { HELLO, KEY, POOL, Side, until, WELCOME } from './peer-sides'
import { QuietLog } from './quiet-log'
import { Relay } from './relay'

jest.setTimeout(60_000)

const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3']

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen({ host: '127.0.0.1', port: 0 }, () => {
      const bound = server.address()
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : 0))
    })
  })

const write = (seq: number): PeerFrame => {
  const data = Buffer.alloc(1 + ((seq * 7919) % 40_000), seq % 251)
  return { type: 'write', seq, volume: 0, offset: seq * 4096, data, term: 4, fua: false }
}

/** From none to 256 pages, each a run of its own; every seventh is a state of devices. */
const part = (nth: number): EpochPart => {
  const of = { type: 'epoch-part', run: 9, epoch: nth, term: 4 } as const
  const pages = (nth * 37) % 257
  const data = Buffer.alloc(pages * 4096, nth % 251)
  if (nth % 7 === 0) return { ...of, kind: 'device', data }
  return {
    ...of,
    kind: 'memory',
    data,
    runs: Array.from({ length: pages }, (_, page) => ({ offset: page * 8192, length: 4096 })),
  }
}

/** Each side's own TLS: the addon's, or (null) Node's. */
const native = NO_NATIVE === '' ? loadNativeTls(ADDONS) : null
const KINDS = [
  { kind: 'without TLS', security: 'plain-loopback' as const, ours: null, theirs: null },
  { kind: "with Node's TLS", security: 'tls' as const, ours: null, theirs: null },
  ...(native === null
    ? []
    : [
        { kind: "with the addon's TLS", security: 'tls' as const, ours: native, theirs: native },
        { kind: "with the addon's TLS on the primary alone", security: 'tls' as const, ours: native, theirs: null },
        { kind: "with the addon's TLS on the secondary alone", security: 'tls' as const, ours: null, theirs: native },
      ]),
]

test('the addon can be loaded where it can be built', () => expect(native === null).toBe(NO_NATIVE !== ''))

describe.each(KINDS)('a link over three addresses, $kind', ({ security, ours, theirs }) => {
  const log = new QuietLog()
  let primary: Side
  let secondary: Side
  let relays: Relay[] = []
  let endpoints: PeerEndpoint[] = []
  let refusals: string[] = []

  const listen = async (port: number, over: Partial<PeerListen> = {}): Promise<PeerEndpoint> => {
    const endpoint = await listenPeer({
      addresses: ADDRESSES,
      port,
      onHello: () => ({ welcome: WELCOME }),
      events: secondary,
      secret: { pool: POOL, key: KEY },
      security,
      native: theirs,
      log,
      ...over,
    })
    endpoints.push(endpoint)
    return endpoint
  }
  const dial = (port: number, key = KEY, linkId = HELLO.linkId, events = primary): PeerEndpoint => {
    const endpoint = connectPeer({
      addresses: ADDRESSES,
      port,
      hello: { ...HELLO, linkId },
      events,
      onRefused: ({ code }) => refusals.push(code),
      secret: { pool: POOL, key },
      security,
      native: ours,
      log,
    })
    endpoints.push(endpoint)
    return endpoint
  }
  const openRelays = async (behind: number): Promise<number> => {
    const port = await freePort()
    relays = ADDRESSES.map((address) => new Relay(address, port, behind))
    for (const relay of relays) await relay.open()
    return port
  }
  const relay = (index: number): Relay => {
    const found = relays[index]
    if (found === undefined) throw new Error(`no relay ${index}`)
    return found
  }
  const bothUp = (): Promise<void> =>
    until(
      () => primary.link !== null && secondary.link !== null && relays.every(({ connections }) => connections > 0),
      () => [primary.story, secondary.story, log.lines],
    )
  const seqs = (side: Side): number[] => side.frames.map((frame) => ('seq' in frame ? frame.seq : -1))
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1)

  beforeEach(() => {
    primary = new Side()
    secondary = new Side()
    log.lines.length = 0
    refusals = []
    relays = []
  })
  afterEach(async () => {
    for (const endpoint of endpoints.reverse()) await endpoint.close('test over')
    for (const each of relays) await each.close()
    endpoints = []
  })

  test('carries frames both ways, in order', async () => {
    const { port } = await listen(await freePort())
    dial(port)
    await bothUp()
    for (const seq of numbers(200)) {
      primary.link?.send(write(seq))
      secondary.link?.send({ type: 'done', seq, volume: 0, error: '' })
    }
    await until(
      () => secondary.frames.length >= 200 && primary.frames.length >= 200,
      () => [seqs(primary).length, seqs(secondary).length],
    )
    expect(seqs(secondary)).toEqual(numbers(200))
    expect(seqs(primary)).toEqual(numbers(200))
    expect(secondary.frames[41]).toEqual(write(42))
    expect(primary.story).toEqual(['up', 'welcome'])
    await until(
      () => primary.link?.queuedBytes === 0 && secondary.link?.queuedBytes === 0,
      () => primary.link?.queuedBytes,
    )
  })

  test.each(['cut', 'stall', 'close'] as const)('exactly once and in order when wires %s mid-stream', async (fault) => {
    const { port } = await listen(await freePort())
    dial(await openRelays(port))
    await bothUp()
    const count = 1500
    for (const seq of numbers(count)) {
      primary.link?.send(write(seq))
      secondary.link?.send({ type: 'done', seq, volume: 0, error: '' })
      if (seq === 300) await relay(0)[fault]()
      if (seq === 900) {
        await until(
          () => secondary.frames.length > 300,
          () => [seqs(secondary).length, primary.story, log.lines],
        )
        await relay(1)[fault]()
      }
      if (seq % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(
      () => secondary.frames.length >= count && primary.frames.length >= count,
      () => [seqs(primary).length, seqs(secondary).length, primary.story, secondary.story],
    )
    expect(seqs(secondary)).toEqual(numbers(count))
    expect(seqs(primary)).toEqual(numbers(count))
    expect(secondary.frames.every((frame, index) => frame.type === 'write' && frame.data.equals(payloadOf(index + 1)))).toBe(true)
    expect(primary.story).toEqual(['up', 'welcome'])
    expect(secondary.story).toEqual(['up'])
    // A wire that was only cut is soon back and may carry the rest again.
    expect(relay(1).forwarded + relay(2).forwarded).toBeGreaterThan(100_000)
    if (fault !== 'cut') expect(relay(2).forwarded).toBeGreaterThan(100_000)
  })

  test('moves back to the best address once that has answered for a while', async () => {
    const { port } = await listen(await freePort())
    dial(await openRelays(port))
    await bothUp()
    await relay(0).close()
    await until(
      () => relay(0).connections === 0,
      () => relay(0).connections,
    )
    await relay(0).open()
    let seq = 0
    const before = relay(0).forwarded
    await until(
      () => {
        primary.link?.send(write(++seq))
        return relay(0).forwarded - before > 200_000
      },
      () => [relay(0).forwarded - before, primary.story],
    )
    await until(
      () => secondary.frames.length >= seq,
      () => secondary.frames.length,
    )
    expect(seqs(secondary)).toEqual(numbers(seq))
  })

  test('all wires silent: both sides see it, and a new link comes when they are mended', async () => {
    const { port } = await listen(await freePort())
    dial(await openRelays(port))
    await bothUp()
    for (const each of relays) each.stall()
    await until(
      () => primary.story.length === 3 && secondary.story.length === 2,
      () => [primary.story, secondary.story],
    )
    expect(primary.story[2]).toBe('down: nothing was heard for 1000 ms')
    for (const each of relays) each.mend()
    await until(
      () => primary.link !== null && secondary.link !== null,
      () => [primary.story, secondary.story],
    )
    primary.link?.send(write(1))
    await until(
      () => secondary.frames.length === 1,
      () => [primary.story, secondary.story],
    )
    expect(primary.story.slice(3)).toEqual(['up', 'welcome'])
  })

  test('the other process ends without a word: down at once, by refusal', async () => {
    const { port } = await listen(await freePort())
    dial(await openRelays(port))
    await bothUp()
    await Promise.all(relays.map((each) => each.close()))
    await until(
      () => primary.story.length >= 3,
      () => primary.story,
    )
    expect(primary.story.slice(2)).toEqual(['down: refused on every address'])
  })

  test('a secondary that starts anew gets a new link, not the rest of the old one', async () => {
    const first = await listen(await freePort())
    dial(first.port)
    await bothUp()
    primary.link?.send(write(1))
    await first.close('restart')
    await until(
      () => primary.story.length >= 3,
      () => primary.story,
    )
    expect(primary.story[2]).toBe('down: the other side ended it: restart')
    secondary = new Side()
    await listen(first.port)
    await bothUp()
    primary.link?.send(write(2))
    await until(
      () => secondary.frames.length > 0,
      () => secondary.story,
    )
    expect(seqs(secondary)).toEqual([2])
  })

  test('a newer link supersedes the older one', async () => {
    const { port } = await listen(await freePort())
    const older = dial(port)
    await bothUp()
    const newer = new Side()
    dial(port, KEY, HELLO.linkId + 5, newer)
    await until(
      () => newer.link !== null && primary.story.length >= 3,
      () => [newer.story, primary.story],
    )
    expect(primary.story[2]).toBe('down: the other side ended it: superseded by a newer link')
    expect(secondary.story.slice(0, 3)).toEqual(['up', 'down: superseded by a newer link', 'up'])
    await older.close('replaced')
    newer.link?.send(write(1))
    await until(
      () => secondary.frames.length === 1,
      () => [secondary.story, newer.story],
    )
  })

  test('a refusal reaches the primary and no link comes up', async () => {
    const refuse = { code: 'TERM', text: 'term 9 was seen', term: 9 } as const
    const { port } = await listen(await freePort(), { onHello: () => ({ refuse }) })
    dial(port)
    await until(
      () => refusals.length >= 3,
      () => log.lines,
    )
    expect(new Set(refusals)).toEqual(new Set(['TERM']))
    expect(primary.story).toEqual([])
    expect(secondary.story).toEqual([])
  })

  const ofTls = security === 'tls' ? test : undefined
  ofTls?.('a wrong key is told to the log of both, with the address', async () => {
    const { port } = await listen(await freePort())
    dial(port, Buffer.alloc(32, 0x11))
    await until(
      () =>
        log.lines.some((line) => line.includes('without the pool key')) &&
        log.lines.some((line) => line.includes('cannot connect')),
      () => log.lines,
    )
    expect(log.lines.join('\n')).toContain('127.0.0.2')
    expect(primary.story).toEqual([])
  })

  test('each up is followed by one down, also when this side closes', async () => {
    const { port } = await listen(await freePort())
    const endpoint = dial(port)
    await bothUp()
    await endpoint.close('enough')
    await until(
      () => secondary.story.length === 2,
      () => secondary.story,
    )
    expect(primary.story).toEqual(['up', 'welcome', 'down: enough'])
    expect(secondary.story).toEqual(['up', 'down: the other side ended it: enough'])
  })

  test("parts of a guest's memory, exactly once and in order, also when a wire is cut", async () => {
    const { port } = await listen(await freePort())
    dial(await openRelays(port))
    await bothUp()
    const count = 120
    for (const nth of numbers(count)) {
      primary.link?.send(part(nth))
      if (nth === 60) relay(0).cut()
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until(
      () => secondary.frames.length >= count,
      () => [secondary.frames.length, primary.story, secondary.story],
    )
    for (const [index, frame] of secondary.frames.entries()) {
      const sent = part(index + 1)
      expect({ ...frame, data: null }).toEqual({ ...sent, data: null })
      expect('data' in frame && frame.data.equals(sent.data)).toBe(true)
    }
    expect(secondary.frames).toHaveLength(count)
  })

  const payloadOf = (seq: number): Buffer => {
    const frame = write(seq)
    return frame.type === 'write' ? frame.data : Buffer.alloc(0)
  }
})

describe('without TLS', () => {
  const log = new QuietLog()
  const common = { secret: { pool: POOL, key: KEY }, security: 'plain-loopback', log, events: new Side() } as const
  test.each(['192.0.2.1', '0.0.0.0', '::', '::ffff:127.0.0.1', 'localhost', '127.0.0.1.example', ''])(
    'nothing goes to %p, nor is anything heard there',
    async (address) => {
      const addresses = ['127.0.0.1', address]
      const listening = async (): Promise<PeerEndpoint> =>
        listenPeer({ ...common, addresses, port: 0, onHello: () => ({ welcome: WELCOME }) })
      await expect(listening()).rejects.toMatchObject({ code: 'EPLAINTEXT' })
      const dialling = (): PeerEndpoint =>
        connectPeer({ ...common, addresses, port: 1, hello: HELLO, onRefused: () => undefined })
      expect(dialling).toThrow('EPLAINTEXT')
    },
  )
  test('nobody else is understood: TLS is garbage to it', async () => {
    const side = new Side()
    const endpoint = await listenPeer({
      ...common,
      ...{ addresses: ['127.0.0.1'], port: 0, events: side, onHello: () => ({ welcome: WELCOME }) },
    })
    const dialled = connectPeer({
      ...{ ...common, security: 'tls', events: new Side() },
      ...{ addresses: ['127.0.0.1'], port: endpoint.port, hello: HELLO, onRefused: () => undefined },
    })
    await until(
      () => log.lines.some((line) => line.includes('garbage')) && log.lines.some((line) => line.includes('cannot connect')),
      () => log.lines,
    )
    await dialled.close('test over')
    await endpoint.close('test over')
    expect(side.story).toEqual([])
  })
})
