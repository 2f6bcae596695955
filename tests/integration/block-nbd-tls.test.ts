import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBlockNbd } from '../../lib/dom0/nbd-client/block-nbd'
import type { NbdSource } from '../../lib/wire/replica-source'
import { emptyImage } from '../contracts/block-keepers'
import { OtherNbdServer } from '../contracts/other-nbd-server'
import { Authority } from './certificates'
import { GREETING, ScriptedServer, type Script } from './scripted-nbd-server'

jest.setTimeout(60_000)

const SIZE = 4 * 1024 * 1024
const TLS_ACK = '0003e889045565a9 00000005 00000001 00000000'

describe('an NBD replica over TLS', () => {
  let folder = ''
  let client = ''
  let trust = ''
  let stranger = ''
  let qemu: OtherNbdServer
  let nbdkit: OtherNbdServer
  let plain: OtherNbdServer
  const servers: OtherNbdServer[] = []
  const kept = async (server: Promise<OtherNbdServer>): Promise<OtherNbdServer> => {
    servers.push(await server)
    return server
  }
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'holdfast-nbds-'))
    const authority = new Authority(join(folder, 'authority'))
    const server = authority.server()
    client = authority.client()
    trust = authority.trust()
    stranger = new Authority(join(folder, 'stranger')).client()
    const credentials = `tls-creds-x509,id=tls0,endpoint=server,dir=${server},verify-peer=yes`
    qemu = await kept(OtherNbdServer.qemu(folder, emptyImage(folder, SIZE), '--object', credentials, '--tls-creds=tls0'))
    const demanding = ['--tls=require', `--tls-certificates=${server}`, '--tls-verify-peer']
    nbdkit = await kept(OtherNbdServer.nbdkit(folder, ...demanding, 'memory', `${SIZE}`))
    plain = await kept(OtherNbdServer.nbdkit(folder, 'memory', `${SIZE}`))
  })
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()))
    rmSync(folder, { recursive: true })
  })
  const overTls = ({ source }: { source: NbdSource }, certificates = client, hostname = 'disk.example'): NbdSource => ({
    ...source,
    tls: { certificates, hostname },
  })

  test.each(['qemu-nbd', 'nbdkit'])('%s is read and written', async (name) => {
    const device = await openBlockNbd(overTls(name === 'nbdkit' ? nbdkit : qemu), SIZE)
    const data = Buffer.alloc(SIZE / 2 - 5, 'guest')
    await Promise.all([
      device.write(5, data),
      ...Array.from({ length: 200 }, (_, i) => device.zero(SIZE / 2 + 4096 * i, 512, true)),
    ])
    await device.flush()
    const found = Buffer.alloc(data.length)
    await device.read(5, found)
    expect(found.equals(data)).toBe(true)
    await device.close()
  })

  test('by TCP, where the name in the certificate is the address', async () => {
    const relay = await Relay.start(qemu.source)
    const device = await openBlockNbd({ ...relay.source, tls: { certificates: client } }, SIZE)
    await device.write(0, Buffer.from('over TCP'))
    await device.close()
    await relay.stop()
  })

  test('by TCP without TLS, on loopback', async () => {
    const relay = await Relay.start(plain.source)
    const device = await openBlockNbd(relay.source, SIZE)
    const writes = Array.from({ length: 100 }, (_, i) => device.write(i * 4096, Buffer.alloc(4096, i)))
    await Promise.all(writes)
    relay.cut()
    await expect(device.flush()).rejects.toMatchObject({ code: 'ECONNRESET' })
    await device.close()
    await relay.stop()
  })

  test.each<[string, () => NbdSource, RegExp]>([
    ['a server that proves itself by another authority', () => overTls(qemu, stranger), /certificate/],
    ['a server under another name', () => overTls(nbdkit, client, 'other.example'), /other\.example/],
    ['a server that offers no TLS', () => overTls(plain), /offers no TLS/],
    ['a server that demands TLS, where none is wanted', () => nbdkit.source, /insists on TLS/],
    ['certificates that are not there', () => overTls(nbdkit, join(folder, 'nowhere')), /ENOENT.*ca-cert\.pem/],
    ['certificates that are none', () => overTls(nbdkit, brokenCertificates(folder)), /PEM|no start line/],
  ])('%s is refused', async (_name, source, reason) => {
    await expect(openBlockNbd(source(), SIZE)).rejects.toMatchObject({
      code: 'ETLS',
      message: expect.stringMatching(reason) as string,
    })
  })

  test.each(['qemu-nbd', 'nbdkit'])('%s refuses a client that proves nothing', async (name) => {
    const source = overTls(name === 'nbdkit' ? nbdkit : qemu, trust)
    await expect(openBlockNbd(source, SIZE)).rejects.toMatchObject({
      code: expect.stringMatching(/^(?:ETLS|ECONNRESET)$/) as string,
    })
  })

  test.each<[string, Script, string, RegExp]>([
    ['plain text behind its consent to TLS', (talk) => talk.say(GREETING, TLS_ACK, '00'), 'EPROTO', /plain text/],
    ['noise instead of TLS', (talk) => noTls(talk.socket), 'ETLS', /./],
    ['silence instead of TLS', (talk) => talk.say(GREETING, TLS_ACK), 'ETIMEDOUT', /TLS did not come/],
    [
      'its end instead of TLS',
      (talk) => void talk.socket.end(Buffer.from((GREETING + TLS_ACK).replaceAll(' ', ''), 'hex')),
      'ECONNRESET',
      /./,
    ],
  ])('%s is refused', async (_name, script, code, reason) => {
    const server = await ScriptedServer.start(folder, script)
    await expect(openBlockNbd(overTls(server), SIZE, code === 'ETIMEDOUT' ? 300 : 20_000)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(reason) as string,
    })
    await server.talks[0]?.closed()
    await server.stop()
  })
})

function noTls(socket: Socket): void {
  socket.write(Buffer.from((GREETING + TLS_ACK).replaceAll(' ', ''), 'hex'))
  // Client flags and STARTTLS come first, then its hello.
  let heardBytes = 0
  socket.on('data', (chunk: Buffer) => {
    heardBytes += chunk.length
    if (heardBytes > 20) socket.write(Buffer.alloc(100, 0x55))
  })
}

function brokenCertificates(folder: string): string {
  const broken = mkdtempSync(join(folder, 'broken-'))
  writeFileSync(join(broken, 'ca-cert.pem'), 'no certificate')
  writeFileSync(join(broken, 'client-cert.pem'), 'no certificate')
  writeFileSync(join(broken, 'client-key.pem'), 'no key')
  return broken
}

/** A loopback port in front of a server's unix socket. */
class Relay {
  private readonly sockets = new Set<Socket>()

  private constructor(
    private readonly server: Server,
    readonly source: NbdSource,
  ) {}

  static async start({ address }: NbdSource): Promise<Relay> {
    const path = 'unix' in address ? address.unix : ''
    const server = createServer((near) => {
      const far = connect(path)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        relay.sockets.add(from)
        from.pipe(to)
        from.on('error', () => undefined)
        from.on('close', () => to.destroy())
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const relay = new Relay(server, { kind: 'nbd', address: { host: '127.0.0.1', port }, exportName: '' })
    return relay
  }

  cut(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async stop(): Promise<void> {
    this.server.close()
    this.cut()
    await once(this.server, 'close')
  }
}
