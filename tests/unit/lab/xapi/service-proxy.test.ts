import { mkdirSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { Server } from 'node:http'
import { join } from 'node:path'
import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import type { LoopbackHost } from '../../../../lib/lab/xapi/conformance/loopback-pool'
import { rpc, tcp } from './pool'

describe('services behind the API port', () => {
  let pool: LoopbackPool
  let host: LoopbackHost
  let service: Server

  beforeAll(async () => {
    pool = await LoopbackPool.make(['h1'], 'secret', SHORT_TIMES)
    const [first] = pool.hosts
    if (first === undefined) throw new Error('a host was asked for')
    host = first
    await pool.powerOn(host)
    mkdirSync(join(host.root, 'var/lib/xcp/plugin'), { recursive: true })
    service = createServer((incoming, response) => {
      response.statusCode = incoming.url?.includes('missing') === true ? 410 : 200
      response.end(`${incoming.method ?? ''} ${incoming.url ?? ''}`)
    })
    await new Promise<void>((resolve) => service.listen(join(host.root, 'var/lib/xcp/plugin/holdfast'), resolve))
  })
  afterAll(async () => {
    await new Promise((resolve) => service.close(resolve))
    await pool.close()
  })

  const ask = (method: string, path: string, headers: Record<string, string> = {}): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ host: host.address, port: pool.port, path, method, headers, agent: false }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => resolve(`${response.statusCode ?? 0} ${Buffer.concat(chunks).toString()}`.trim()))
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  const basic = (password: string): Record<string, string> => ({
    authorization: `Basic ${Buffer.from(`root:${password}`).toString('base64')}`,
  })

  test('a session or the password of root opens them', async () => {
    const session = String(await rpc(tcp(pool, host), 'session.login_with_password', 'root', 'secret'))
    const path = '/services/plugin/holdfast/metrics'
    expect(await ask('GET', path)).toBe('401')
    expect(await ask('GET', path, basic('wrong'))).toBe('401')
    expect(await ask('GET', path, basic('secret'))).toBe(`200 GET ${path}`)
    expect(await ask('PUT', path, { cookie: `a=b; session_id=${session}` })).toBe(`200 PUT ${path}`)
    expect(await ask('GET', `${path}?session_id=${session}`)).toBe(`200 GET ${path}?session_id=${session}`)
  })

  test('only the body of a 200 comes back; other methods and services are not there', async () => {
    expect(await ask('GET', '/services/plugin/holdfast/missing', basic('secret'))).toBe('410')
    expect(await ask('DELETE', '/services/plugin/holdfast/x', basic('secret'))).toBe('404')
    expect(await ask('GET', '/services/plugin/other/x', basic('secret'))).toBe('404')
  })
})
