import { writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { MirrorPair } from './mirror-pair'
import { run } from './run-client'

jest.setTimeout(120_000)

const MARK = Buffer.from('what a guest writes is seen on the wire, or is not')
const BYTES = 65_536

/** A wire between two addresses that is listened to. */
class TappedWire {
  private readonly sockets = new Set<Socket>()
  private readonly server: Server
  private tail = Buffer.alloc(0)
  bytes = 0
  hasMark = false

  constructor(private readonly behind: { readonly host: string; readonly port: number }) {
    this.server = createServer((near) => this.join(near))
  }

  open(host: string, port: number): Promise<void> {
    return new Promise((resolve) => this.server.listen({ host, port }, resolve))
  }

  close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    return new Promise((resolve) => this.server.close(() => resolve()))
  }

  private join(near: Socket): void {
    const far = connect(this.behind)
    near.on('data', (chunk: Buffer) => this.heard(chunk))
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
  }

  private heard(chunk: Buffer): void {
    this.bytes += chunk.length
    const seen = Buffer.concat([this.tail, chunk])
    this.hasMark ||= seen.includes(MARK)
    this.tail = Buffer.from(seen.subarray(-MARK.length))
  }
}

let pair: MirrorPair
let wire: TappedWire
afterEach(async () => {
  await pair.close()
  await wire.close()
})

test.each([
  ['what the sides tell each other cannot be read', [], false],
  ['with --plain it can', ['--plain'], true],
])('%s', async (_, more, isRead) => {
  pair = new MirrorPair('8M')
  wire = new TappedWire({ host: `${pair.net}.40`, port: 7801 })
  await wire.open(`${pair.net}.60`, 7801)
  await pair.startWitness()
  pair.b.start(...more)
  pair.a.start('--create', '--peer', `b=${pair.net}.60:7801`, ...more)
  await pair.untilMirrored(pair.a)
  await pair.a.untilServed()
  const uri = `nbd+unix:///orders?socket=${pair.a.socket}`
  const source = join(pair.folder, 'source')
  writeFileSync(source, Buffer.alloc(BYTES, MARK))
  const write = `write -s ${source} 0 ${BYTES}`
  expect(await run('qemu-io', '-f', 'raw', uri, '-c', write)).toMatchObject({ status: 0 })
  expect(wire.bytes).toBeGreaterThan(BYTES)
  expect(wire.hasMark).toBe(isRead)
  pair.expectSameBytes()
})
