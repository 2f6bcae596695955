import { readFileSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer as createPlainServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { BufferPool } from '../../lib/dom0/nbd/buffer-pool'
import { loadNativeTls, type NativeTls } from '../../lib/dom0/socket/native-tls'
import { connectPeer, listenPeer } from '../../lib/dom0/peer-link'
import { SealedPipe } from '../../lib/dom0/peer-link/sealed-pipe'
import type { Pipe } from '../../lib/dom0/peer-link/pipe'
import type { PeerEndpoint } from '../../lib/ports/peer-connect'
import { Inbox } from '../../lib/wire/nbd/inbox'
import { ADDONS, NO_NATIVE } from '../contracts/native-addon'
import { Authority } from './certificates'
import { HELLO, KEY, POOL, Side, until, WELCOME } from './peer-sides'
import { QuietLog } from './quiet-log'

jest.setTimeout(60_000)

const native = NO_NATIVE === '' ? loadNativeTls(ADDONS) : null
const KINDS: readonly (readonly [string, NativeTls | null])[] = [
  ["Node's TLS", null],
  ...(native === null ? [] : [["the addon's TLS", native] as const]),
]
const secret = { pool: POOL, key: KEY }
const log = new QuietLog()
const open: (() => unknown)[] = []
beforeEach(() => (log.lines.length = 0))
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => new Promise((resolve) => server.close(resolve)))
  const bound = server.address()
  return typeof bound === 'object' && bound !== null ? bound.port : 0
}
const closing = (endpoint: PeerEndpoint): PeerEndpoint => {
  open.push(() => endpoint.close('test over'))
  return endpoint
}
const told = (text: string): Promise<void> =>
  until(
    () => log.lines.some((line) => line.includes(text)),
    () => log.lines,
  )

describe.each(KINDS)('the primary, %s', (_name, own) => {
  const dial = (port: number): Side => {
    const side = new Side()
    const parts = { hello: HELLO, events: side, onRefused: () => undefined, secret, native: own, log }
    closing(connectPeer({ addresses: ['127.0.0.1'], port, ...parts }))
    return side
  }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'tells nothing to whoever has a certificate instead of the key, %s',
    async (version) => {
      const folder = mkdtempSync(join(tmpdir(), 'hf-impostor-'))
      open.push(() => rmSync(folder, { recursive: true }))
      const certificates = new Authority(join(folder, 'authority')).server()
      const [cert, key] = ['server-cert.pem', 'server-key.pem'].map((name) => readFileSync(join(certificates, name)))
      let heardBytes = 0
      const impostor = createTlsServer(
        { cert, key, minVersion: version, maxVersion: version, ciphers: 'ALL:@SECLEVEL=0' },
        (socket) => {
          socket.on('data', (bytes: Buffer) => (heardBytes += bytes.length)).on('error', () => undefined)
        },
      )
      const side = dial(await listening(impostor))
      await told('cannot connect')
      expect(side.story).toEqual([])
      expect(heardBytes).toBe(0)
      expect(log.lines.join('\n')).not.toContain('no welcome in time')
    },
  )

  test('gives up on one that never answers', async () => {
    const side = dial(await listening(createPlainServer((socket) => socket.on('error', () => undefined).resume())))
    await told('no welcome in time')
    expect(side.story).toEqual([])
  })
})

describe.each(KINDS)('the secondary, %s', (_name, own) => {
  const listen = async (): Promise<{ port: number; side: Side }> => {
    const side = new Side()
    const parts = { onHello: () => ({ welcome: WELCOME }), events: side, secret, native: own, log }
    const { port } = closing(await listenPeer({ addresses: ['127.0.0.1'], port: 0, ...parts }))
    return { port, side }
  }
  const stranger = async (port: number): Promise<{ socket: Socket; ended: () => boolean }> => {
    const socket = connect(port, '127.0.0.1')
    let ended = false
    socket
      .on('error', () => undefined)
      .on('close', () => (ended = true))
      .resume()
    open.push(() => socket.destroy())
    await new Promise((resolve) => socket.once('connect', resolve))
    return { socket, ended: () => ended }
  }

  test.each([
    ['nothing', ''],
    ['half a greeting', '160301020001'],
  ])('closes whoever says %s', async (_what, hex) => {
    const { port } = await listen()
    const { socket, ended } = await stranger(port)
    socket.write(Buffer.from(hex, 'hex'))
    await until(ended, () => log.lines)
    await told('without the pool key')
  })

  test('is not filled by strangers', async () => {
    const { port, side } = await listen()
    const strangers = await Promise.all(Array.from({ length: 80 }, () => stranger(port)))
    await until(
      () => strangers.filter(({ ended }) => ended()).length >= 80 - 32,
      () => strangers.map(({ ended }) => ended()),
    )
    const parts = { hello: HELLO, events: new Side(), onRefused: () => undefined, secret, native: own, log }
    closing(connectPeer({ addresses: ['127.0.0.1'], port, ...parts }))
    await until(
      () => side.link !== null,
      () => log.lines,
    )
  })
})

const withAddon = native === null ? describe.skip : describe
withAddon(`a sealed pipe ${NO_NATIVE}`, () => {
  interface End {
    readonly pipe: Pipe
    bytes: number
    closedBy: string
  }
  const memory = new BufferPool(1 << 20)

  /** Both ends of a connection; `tap` sees what goes to the server and may change it. */
  const ends = async (
    renewAfterRecords: number,
    tap: (bytes: Buffer) => Buffer,
  ): Promise<{ client: End; server: End; renewals: () => number }> => {
    const calls = native as NativeTls
    let renewals = 0
    const counted: NativeTls = {
      ...calls,
      renew: (session) => {
        renewals++
        calls.renew(session)
      },
    }
    const both: End[] = []
    const sealing = (isServer: boolean) => ({
      ...{ native: counted, memory, isServer, renewAfterRecords, ...secret },
      failed: (why: string) => log.lines.push(`failed: ${why}`),
      proven: (openPipe: Parameters<ConstructorParameters<typeof SealedPipe>[1]['proven']>[0]) => {
        const inbox = new Inbox(memory)
        const end: End = { bytes: 0, pipe: openPipe(inbox, () => (end.bytes += inbox.skip(inbox.length))), closedBy: '' }
        end.pipe.socket.on('error', ({ message }) => (end.closedBy = message))
        both[isServer ? 1 : 0] = end
      },
    })
    const behind = await listening(createPlainServer({ pauseOnConnect: true }, (socket) => new SealedPipe(socket, sealing(true))))
    const wire = await listening(
      createPlainServer((near) => {
        const far = connect(behind, '127.0.0.1')
        near.on('data', (bytes: Buffer) => far.write(tap(bytes))).on('close', () => far.destroy())
        far.on('data', (bytes: Buffer) => near.write(bytes)).on('close', () => near.destroy())
        for (const socket of [near, far]) socket.on('error', () => undefined)
      }),
    )
    const { socket } = new SealedPipe(null, sealing(false))
    socket.connect(wire, '127.0.0.1')
    open.push(() => socket.destroy())
    await until(
      () => both[0] !== undefined && both[1] !== undefined,
      () => log.lines,
    )
    const [client, server] = both
    if (client === undefined || server === undefined) throw new Error('both ends are there')
    return { client, server, renewals: () => renewals }
  }

  test('takes new keys when the old ones are used up', async () => {
    const { client, server, renewals } = await ends(10, (bytes) => bytes)
    const piece = Buffer.alloc(40_000, 7)
    for (let sent = 0; sent < 40; sent++) client.pipe.send([piece.subarray(0, 1), piece], () => undefined)
    server.pipe.send([piece], () => undefined)
    await until(
      () => server.bytes === 40 * 40_001 && client.bytes === 40_000,
      () => [server.bytes, client.bytes, server.closedBy],
    )
    // Each time 4 records, so the third one is the last before the next key.
    expect(renewals()).toBe(13)
  })

  test('ends with a reason when bytes were changed on their way', async () => {
    let changes = false
    const { client, server } = await ends(1000, (bytes) => {
      if (changes) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
      return bytes
    })
    client.pipe.send([Buffer.alloc(10)], () => undefined)
    await until(
      () => server.bytes === 10,
      () => server.closedBy,
    )
    changes = true
    client.pipe.send([Buffer.alloc(10)], () => undefined)
    await until(
      () => server.closedBy !== '',
      () => server.bytes,
    )
    expect(server.closedBy).toMatch(/^TLS: .*mac/)
    expect(server.bytes).toBe(10)
  })
})
