import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LoopbackPool, SHORT_TIMES } from '../../../../lib/lab/xapi/conformance/loopback-pool'

describe('the client of Xen Orchestra, unmodified', () => {
  let pool: LoopbackPool
  beforeAll(async () => {
    pool = await LoopbackPool.make(['h1', 'h2', 'h3'], 'secret', SHORT_TIMES)
    for (const host of pool.hosts) {
      const folder = join(host.root, 'etc/xapi.d/plugins')
      mkdirSync(folder, { recursive: true })
      const answer =
        '<struct><member><name>Status</name><value>Success</value></member><member><name>Value</name><value>hi</value></member></struct>'
      writeFileSync(
        join(folder, 'hello'),
        `#!/bin/sh\necho '<methodResponse><params><param><value>${answer}</value></param></params></methodResponse>'\n`,
      )
      chmodSync(join(folder, 'hello'), 0o755)
      await pool.powerOn(host)
    }
  })
  afterAll(() => pool.close())

  test('logs in, follows a member to the coordinator, watches objects, calls methods and waits for tasks', async () => {
    for (const host of pool.hosts.slice(0, 2)) {
      const url = `http://${host.address}:${pool.port}`
      const argv = [join(__dirname, 'xen-api-client.mjs'), url, host.name]
      const { stdout } = await promisify(execFile)(process.execPath, argv, {
        timeout: 60_000,
      })
      expect(JSON.parse(stdout)).toMatchObject({ hosts: ['h1', 'h2', 'h3'], answer: 'hi' })
    }
  }, 120_000)
})
