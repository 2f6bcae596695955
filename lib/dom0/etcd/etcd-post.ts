import { type ClientRequest, type IncomingMessage, Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'

/** PEM texts: who signs the cluster's certificates, and what this host shows of itself. */
export interface EtcdTls {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

export interface Posted {
  readonly status: number
  readonly body: string
}

/** No answer that can be used. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer'
  constructor(
    text: string,
    /** False: certainly nothing reached the other side. */
    readonly sent: boolean,
  ) {
    super(text)
  }
}

const ANSWER_BYTES_MAX = 4 * 1024 * 1024
const SOCKETS = { keepAlive: true, maxSockets: 8, maxFreeSockets: 2, scheduling: 'lifo' } as const

/** Connections to one endpoint, kept open between requests. */
export class EtcdEndpoint {
  private readonly agent: HttpAgent
  private readonly secure: boolean
  private readonly underWay = new Set<ClientRequest>()

  constructor(
    /** Without a path. */
    readonly url: string,
    tls: EtcdTls | null,
  ) {
    this.secure = url.startsWith('https:')
    this.agent = this.secure ? new HttpsAgent({ ...SOCKETS, ...tls }) : new HttpAgent(SOCKETS)
  }

  /** Rejects with NoAnswer. */
  post(path: string, content: object, deadlineMs: number): Promise<Posted> {
    return new Promise((resolve, reject) => {
      const body = JSON.stringify(content)
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const ask = this.secure ? httpsRequest : httpRequest
      const request = ask(`${this.url}${path}`, { method: 'POST', agent: this.agent, headers })
      this.underWay.add(request)
      let sent = false
      const settled = (): void => {
        clearTimeout(timer)
        this.underWay.delete(request)
      }
      const giveUp = (why: string): void => {
        settled()
        reject(new NoAnswer(`${this.url}: ${why}`, sent))
        request.destroy()
      }
      // When this process stood still, timers come before what arrived meanwhile.
      const timer = setTimeout(() => setImmediate(() => giveUp(`no answer within ${deadlineMs} ms`)), deadlineMs)
      request.once('socket', (socket) => {
        // What is written before the connection stands is thrown away with it; a kept one takes it at once.
        if (socket.connecting) socket.once(this.secure ? 'secureConnect' : 'connect', () => (sent = true))
        else sent = true
      })
      request.on('error', (error: Error) => giveUp(error.message || 'the connection failed'))
      request.once('response', (response) => {
        read(response, giveUp, (text) => {
          settled()
          resolve({ status: response.statusCode ?? 0, body: text })
        })
      })
      request.end(body)
    })
  }

  close(): void {
    for (const request of this.underWay) request.destroy(new Error('the connection was closed'))
    this.agent.destroy()
  }
}

function read(response: IncomingMessage, fail: (why: string) => void, done: (text: string) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) fail('the answer is too long')
  })
  response.once('error', (error) => fail(error.message))
  response.once('aborted', () => fail('the answer broke off'))
  response.once('end', () => {
    if (response.complete) done(Buffer.concat(chunks).toString())
  })
}
