/** The listening sockets: one TCP port and one unix socket, both speaking HTTP. What they serve is given. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import type { AddressInfo, Socket } from 'node:net'

export type Door = 'tcp' | 'unix'

export interface HttpRequest {
  readonly door: Door
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** Undefined when it was larger than bodyMax and is of no internal path. */
  readonly body: Buffer | undefined
}

export interface HttpReply {
  readonly status: number
  readonly contentType: string
  readonly body: string | Buffer
}

/** Undefined: the connection is closed without an answer. */
export type Serve = (request: HttpRequest) => Promise<HttpReply | undefined>

/** XAPI refuses larger requests. */
const BODY_MAX = 300 * 1024
const STATUS_TEXT: Readonly<Record<number, string>> = { 200: 'OK', 500: 'Internal Error' }

export class HttpDoors {
  private readonly servers: Server[] = []
  private readonly sockets = new Set<Socket>()

  constructor(private readonly serve: Serve) {}

  /** Answers the port. */
  async openTcp(address: string, port: number): Promise<number> {
    const server = this.make('tcp')
    await listening(server, () => server.listen(port, address))
    return portOf(server.address())
  }

  async openUnix(path: string): Promise<void> {
    mkdirSync(dirname(path), { recursive: true })
    rmSync(path, { force: true })
    const server = this.make('unix')
    await listening(server, () => server.listen(path))
  }

  /** Ends every connection, answered or not. */
  async close(): Promise<void> {
    const closed = this.servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve)))
    for (const socket of this.sockets) socket.destroy()
    await Promise.all(closed)
  }

  private make(door: Door): Server {
    const server = createServer({ requestTimeout: 0, keepAliveTimeout: 0 }, (request, response) => {
      void this.handle(door, request, response)
    })
    server.on('connection', (socket: Socket) => {
      this.sockets.add(socket)
      socket.once('close', () => this.sockets.delete(socket))
    })
    this.servers.push(server)
    return server
  }

  private async handle(door: Door, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    const body = await readBody(request, path.startsWith('/lab/') ? Infinity : BODY_MAX)
    if (body === 'gone') return
    const reply = await this.serve({ door, method: request.method ?? 'GET', path, headers: request.headers, body })
    if (reply === undefined) return void request.socket.destroy()
    response.writeHead(reply.status, STATUS_TEXT[reply.status] ?? '', {
      'content-length': Buffer.byteLength(reply.body),
      connection: 'close',
      'cache-control': 'no-cache, no-store',
      'content-type': reply.contentType,
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Headers': 'X-Requested-With',
    })
    response.end(reply.body)
  }
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => resolve())
    listen()
  })
}

const portOf = (address: AddressInfo | string | null): number =>
  address === null || typeof address === 'string' ? 0 : address.port

/** 'gone' when the client went away before it had sent everything. */
function readBody(request: IncomingMessage, max: number): Promise<Buffer | undefined | 'gone'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= max) chunks.push(chunk)
    })
    request.once('end', () => resolve(size > max ? undefined : Buffer.concat(chunks)))
    request.once('error', () => resolve('gone'))
    request.once('close', () => resolve('gone'))
  })
}
