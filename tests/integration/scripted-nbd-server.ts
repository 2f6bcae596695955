import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { NbdSource } from '../../lib/wire/replica-source'

export const hex = (...parts: readonly string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')

export const GREETING = '4e42444d41474943 49484156454f5054 0003'
const GO_REPLY = '0003e889045565a9 00000007'

/** One client, as the script of a server sees it. */
export class Talk {
  private held = Buffer.alloc(0)
  private wake: () => void = () => undefined
  private ended = false

  constructor(readonly socket: Socket) {
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.held = Buffer.concat([this.held, chunk])
      this.wake()
    })
    socket.on('close', () => {
      this.ended = true
      this.wake()
    })
  }

  say(...parts: readonly string[]): void {
    this.socket.write(hex(...parts))
  }

  /** The next bytes of the client; null when it closed before it said them. */
  async hear(bytes: number): Promise<Buffer | null> {
    while (this.held.length < bytes) {
      if (this.ended) return null
      await new Promise<void>((resolve) => (this.wake = resolve))
    }
    const heard = this.held.subarray(0, bytes)
    this.held = this.held.subarray(bytes)
    return heard
  }

  /** What came and was not heard yet. */
  get unheardBytes(): number {
    return this.held.length
  }

  async closed(): Promise<void> {
    if (!this.socket.closed) await new Promise((resolve) => this.socket.once('close', resolve))
  }

  /** A decent negotiation about 1 MiB with these transmission flags. */
  async open(flags = '0005'): Promise<void> {
    this.say(GREETING)
    // Client flags, GO with an empty name and one wish.
    await this.hear(4 + 16 + 8)
    this.say(GO_REPLY, '00000003 0000000c 0000 0000000000100000', flags)
    this.say(GO_REPLY, '00000003 0000000e 0003 00000001 00001000 02000000')
    this.say(GO_REPLY, '00000001 00000000')
  }

  /** The next request, with a write's data taken off the wire. */
  async request(): Promise<{
    type: number
    flags: number
    cookie: string
    offset: number
    length: number
    data: Buffer | null
  } | null> {
    const header = await this.hear(28)
    if (header === null) return null
    const [flags, type, length] = [header.readUInt16BE(4), header.readUInt16BE(6), header.readUInt32BE(24)]
    const data = type === 1 ? await this.hear(length) : null
    return { type, flags, length, data, cookie: header.toString('hex', 8, 16), offset: Number(header.readBigUInt64BE(16)) }
  }
}

export type Script = (talk: Talk) => Promise<void> | void

/** A server on a unix socket that follows a script with every client. */
export class ScriptedServer {
  readonly talks: Talk[] = []
  private readonly scripts: Promise<void>[] = []
  private readonly server: Server

  private constructor(
    readonly source: NbdSource,
    script: Script,
  ) {
    this.server = createServer((socket) => {
      const talk = new Talk(socket)
      this.talks.push(talk)
      this.scripts.push(Promise.resolve(script(talk)))
    })
  }

  static async start(folder: string, script: Script): Promise<ScriptedServer> {
    const unix = join(folder, 'scripted.sock')
    const made = new ScriptedServer({ kind: 'nbd', address: { unix }, exportName: '' }, script)
    made.server.listen(unix)
    await once(made.server, 'listening')
    return made
  }

  /** Rejects when a script failed. */
  async stop(): Promise<void> {
    this.server.close()
    for (const talk of this.talks) talk.socket.destroy()
    await once(this.server, 'close')
    await Promise.all(this.scripts)
  }
}
