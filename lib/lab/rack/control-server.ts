import { createServer, type IncomingMessage, type Server } from 'node:http'
import { chmodSync } from 'node:fs'
import { once } from 'node:events'
import { BadRequest } from '../faults/fault'
import type { ControlHandlers } from './control'

const BODY_BYTES_MAX = 64 * 1024

/** A bad request answers 400 with its text; anything else that fails answers 500 and is a bug of the lab or its machine. */
export async function serveControl(path: string, handlers: ControlHandlers): Promise<Server> {
  const server = createServer((request, response) => {
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    perform(request, handlers).then(
      (answer) => send(200, answer),
      (error: unknown) => {
        if (error instanceof BadRequest) send(400, { error: error.message })
        else {
          process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
          send(500, { error: error instanceof Error ? error.message : String(error) })
        }
      },
    )
  })
  server.listen(path)
  await once(server, 'listening')
  chmodSync(path, 0o600)
  return server
}

async function perform(request: IncomingMessage, handlers: ControlHandlers): Promise<unknown> {
  const name = /^\/v1\/([a-z-]+)$/.exec(request.url ?? '')?.[1]
  const handler = Object.entries(handlers).find(([known]) => known === name)?.[1]
  if (request.method !== 'POST' || handler === undefined)
    throw new BadRequest(`no such request; there are: ${Object.keys(handlers).join(', ')}`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new BadRequest('the request is too long')
    chunks.push(chunk)
  }
  return handler(parseObject(Buffer.concat(chunks).toString()))
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) throw new BadRequest('the request is not JSON')
    throw error
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new BadRequest('the request is not a JSON object')
}
