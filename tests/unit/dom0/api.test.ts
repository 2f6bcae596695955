import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { createServer, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'node:http'
import { Refusal } from '../../../lib/core/domain/errors'
import { hostUuid } from '../../../lib/core/domain/ids'
import { serveApi, serveApiOverTls, type ApiServer } from '../../../lib/dom0/api/api-server'
import { BODY_BYTES_MAX } from '../../../lib/dom0/api/api-answer'
import { DaemonBug } from '../../../lib/dom0/api/api-exchange'
import { askDaemon } from '../../../lib/dom0/api/daemon-client'
import { askPeerDaemon } from '../../../lib/dom0/api/peer-daemon-client'
import { DAEMON_ASKS } from '../../../lib/wire/ask-shapes'
import { daemonHandlers, recordingLog } from './small-daemon'

const HOST = hostUuid('11111111-0001-4000-8000-000000000001')
const secret = { pool: '22222222-0001-4000-8000-000000000001', key: Buffer.alloc(32, 7) }

let folder = ''
let socket = ''
const open: ApiServer[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-api-'))
  socket = join(folder, 'run', 'daemon.sock')
})
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.close()))
  rmSync(folder, { recursive: true })
})

const log = recordingLog()
async function daemon(overrides: Partial<ReturnType<typeof daemonHandlers>> = {}): Promise<ApiServer> {
  const server = await serveApi({
    socketPath: socket,
    shapes: DAEMON_ASKS,
    handlers: { ...daemonHandlers(), version: () => Promise.resolve({ version: '1.2.3', host: HOST }), ...overrides },
    log,
  })
  open.push(server)
  return server
}
const ask = { socket: '', limitMs: 5000 }
beforeEach(() => (ask.socket = socket))

/** What a careless client may send: any path, method and bytes. */
function raw(method: string, path: string, body: string): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: socket, method, path, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString()) as unknown }),
      )
    })
    asked.on('error', reject)
    asked.end(body)
  })
}
const badRequest = (reason: string) => ({ status: 400, body: { refusal: { code: 'HOLDFAST_BAD_REQUEST', facts: { reason } } } })

describe('on the unix socket', () => {
  test('an answer comes back as the handler gave it, and only root may ask', async () => {
    await daemon()
    expect(await askDaemon('version', {}, ask)).toEqual({ version: '1.2.3', host: HOST })
    expect(statSync(socket).mode & 0o777).toBe(0o600)
  })
  test('a refusal arrives as the same refusal', async () => {
    await daemon({ unprotect: ({ vm }) => Promise.reject(new Refusal('HOLDFAST_NOT_PROTECTED', { vm })) })
    await expect(askDaemon('unprotect', { vm: 'x' }, ask)).rejects.toEqual(new Refusal('HOLDFAST_NOT_PROTECTED', { vm: 'x' }))
  })
  test('anything else is a bug: logged there, named here', async () => {
    await daemon({ status: () => Promise.reject(new RangeError('no such row')) })
    await expect(askDaemon('status', {}, ask)).rejects.toEqual(new DaemonBug('RangeError: no such row'))
    expect(log.lines.at(-1)).toContain('no such row')
  })
  test.each([
    ['POST', '/v1/frobnicate', '{}', 'There is no function "frobnicate" here.'],
    ['POST', '/v1/toString', '{}', 'There is no function "toString" here.'],
    ['POST', '/', '{}', 'There is no function "/" here.'],
    ['GET', '/v1/status', '', 'Functions are called with POST.'],
    ['POST', '/v1/status', '{"vm":', 'The body is not a JSON object.'],
    ['POST', '/v1/status', '[]', 'The body is not a JSON object.'],
    ['POST', '/v1/status', '{"vn":"x"}', 'There is no argument "vn".'],
    ['POST', '/v1/plan', '{"vm":"x"}', 'Argument "level" is missing.'],
    ['POST', '/v1/timeline', '{"limit":-1}', 'Argument "limit" must be a whole number of at least 0.'],
    ['POST', '/v1/timeline', '{"limit":"7"}', 'Argument "limit" must be a whole number of at least 0.'],
    ['POST', '/v1/sr-attach', '{"configuration":{"a":1}}', 'Argument "configuration" must be an object of texts.'],
    ['POST', '/v1/volume-set', '{"sr":"","key":"","unset":"k"}', 'Argument "unset" must be a list of texts.'],
  ])('%s %s %s is a bad request', async (method, path, body, reason) => {
    await daemon()
    expect(await raw(method, path, body)).toEqual(badRequest(reason))
  })
  test('a body may be as long as the limit and no longer', async () => {
    await daemon()
    const around = JSON.stringify({ vm: '' }).length
    expect((await raw('POST', '/v1/status', JSON.stringify({ vm: 'x'.repeat(BODY_BYTES_MAX - around) }))).status).toBe(200)
    expect(await raw('POST', '/v1/status', JSON.stringify({ vm: 'x'.repeat(BODY_BYTES_MAX - around + 1) }))).toEqual(
      badRequest(`The body is longer than ${BODY_BYTES_MAX} bytes, or was cut off.`),
    )
  })
  test('no socket, a server that hangs, one that hangs up', async () => {
    await expect(askDaemon('version', {}, ask)).rejects.toMatchObject({ code: 'HOLDFAST_DAEMON_UNREACHABLE' })
    await daemon({ version: () => new Promise(() => undefined) })
    await expect(askDaemon('version', {}, { socket, limitMs: 50 })).rejects.toMatchObject({ code: 'HOLDFAST_TIMED_OUT' })
    const rude = createServer((connection) => connection.once('data', () => connection.destroy()))
    const rudeSocket = join(folder, 'rude.sock')
    await new Promise<void>((resolve) => rude.listen(rudeSocket, () => resolve()))
    await expect(askDaemon('version', {}, { socket: rudeSocket, limitMs: 5000 })).rejects.toMatchObject({
      code: 'HOLDFAST_DAEMON_UNREACHABLE',
      facts: { reason: 'It ended while it worked on the request.' },
    })
    await new Promise((resolve) => rude.close(resolve))
  })
  test('a second daemon does not push the first one aside', async () => {
    await daemon()
    await expect(daemon()).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(await askDaemon('version', {}, ask)).toMatchObject({ version: '1.2.3' })
  })
  test('the socket that a killed daemon left behind is replaced', async () => {
    const dying = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
    socket = join(folder, 'left.sock')
    spawnSync(process.execPath, ['-e', dying, socket])
    expect(existsSync(socket)).toBe(true)
    await expect(askDaemon('version', {}, { socket, limitMs: 5000 })).rejects.toMatchObject({
      code: 'HOLDFAST_DAEMON_UNREACHABLE',
      facts: { reason: `It is not running: nobody listens on ${socket}.` },
    })
    await daemon()
    expect(await askDaemon('version', {}, { socket, limitMs: 5000 })).toMatchObject({ version: '1.2.3' })
  })
  test('a client that goes away in the middle does no harm', async () => {
    await daemon()
    await new Promise<void>((resolve) => {
      const request = 'POST /v1/status HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{'
      const client = connect(socket, () => client.write(request, () => client.destroy()))
      client.once('close', () => resolve())
    })
    expect(await askDaemon('version', {}, ask)).toMatchObject({ version: '1.2.3' })
  })
})

describe('between hosts', () => {
  const serve = async (): Promise<number> => {
    const server = await serveApiOverTls({
      address: '127.0.0.1',
      port: 0,
      secret,
      allow: ['version'],
      shapes: DAEMON_ASKS,
      handlers: { ...daemonHandlers(), version: () => Promise.resolve({ version: '9', host: HOST }) },
      log,
    })
    open.push(server)
    return server.port
  }
  const peer = { host: 'h2', addresses: ['127.0.0.1'], secret, limitMs: 5000, connectMs: 5000 }
  test('the holder of the key is answered, at the first address that connects', async () => {
    const port = await serve()
    expect(await askPeerDaemon('version', {}, { ...peer, port, addresses: ['127.0.0.2', '127.0.0.1'] })).toEqual({
      version: '9',
      host: HOST,
    })
  })
  test('only what is allowed is offered', async () => {
    await expect(askPeerDaemon('unprotect', { vm: 'x' }, { ...peer, port: await serve() })).rejects.toMatchObject({
      code: 'HOLDFAST_BAD_REQUEST',
      facts: { reason: 'There is no function "unprotect" here.' },
    })
  })
  test.each([
    ['another key', { pool: secret.pool, key: Buffer.alloc(32, 8) }],
    ['another pool', { pool: '22222222-0001-4000-8000-000000000009', key: secret.key }],
  ])('%s is not let in', async (_name, wrong) => {
    const port = await serve()
    await expect(askPeerDaemon('version', {}, { ...peer, port, secret: wrong })).rejects.toMatchObject({
      code: 'HOLDFAST_HOST_UNREACHABLE',
    })
    expect(await askPeerDaemon('version', {}, { ...peer, port })).toMatchObject({ version: '9' })
  })
  test('nobody there', async () => {
    const port = await serve()
    await Promise.all(open.splice(0).map((server) => server.close()))
    await expect(askPeerDaemon('version', {}, { ...peer, port })).rejects.toMatchObject({
      code: 'HOLDFAST_HOST_UNREACHABLE',
      facts: { host: 'h2', reason: 'Connecting failed (127.0.0.1: ECONNREFUSED).' },
    })
  })
})
