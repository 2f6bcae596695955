/**
 * /services/plugin/NAME/...: passed on to the unix socket /var/lib/xcp/plugin/NAME with its whole request line, for clients that show
 * a session or root's password. Only the body of a 200 comes back.
 */
import { request } from 'node:http'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { HttpReply, HttpRequest } from './http'

const PATH = /^\/services\/plugin\/([\w.-]+)(?:[/?]|$)/
const METHODS: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT'])
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'host'])

export interface Doorkeeper {
  isSession(ref: string): Promise<boolean>
  isPassword(user: string, password: string): boolean
}

const reply = (status: number, body = ''): HttpReply => ({ status, contentType: 'text/html', body })

/** Undefined when the path is no service's. */
export async function serveService(incoming: HttpRequest, root: string, keeper: Doorkeeper): Promise<HttpReply | undefined> {
  const name = PATH.exec(incoming.path)?.[1]
  if (name === undefined) return undefined
  const socketPath = join(root, 'var/lib/xcp/plugin', name)
  if (!METHODS.has(incoming.method) || !existsSync(socketPath)) return reply(404)
  if (!(incoming.door === 'unix' || (await isAllowed(incoming, keeper)))) return reply(401)
  return pass(incoming, socketPath)
}

async function isAllowed({ headers, path }: HttpRequest, keeper: Doorkeeper): Promise<boolean> {
  const basic = /^Basic (\S+)$/.exec(headers.authorization ?? '')?.[1]
  if (basic !== undefined) {
    const [user = '', password = ''] = Buffer.from(basic, 'base64').toString().split(/:(.*)/s)
    return keeper.isPassword(user, password)
  }
  const cookie = /(?:^|;\s*)session_id=([^;]+)/.exec(headers.cookie ?? '')?.[1]
  const session = new URL(path, 'http://host').searchParams.get('session_id') ?? (cookie && decodeURIComponent(cookie))
  return typeof session === 'string' && keeper.isSession(session)
}

function pass(incoming: HttpRequest, socketPath: string): Promise<HttpReply> {
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !HOP_BY_HOP.has(name)))
  return new Promise((resolve) => {
    const outgoing = request({ socketPath, path: incoming.path, method: incoming.method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', () => resolve(reply(500)))
      response.once('end', () => {
        const status = response.statusCode ?? 500
        const contentType = response.headers['content-type'] ?? 'text/html'
        resolve({ status, contentType, body: status === 200 ? Buffer.concat(chunks) : '' })
      })
    })
    outgoing.once('error', () => resolve(reply(500)))
    outgoing.end(incoming.body ?? Buffer.alloc(0))
  })
}
