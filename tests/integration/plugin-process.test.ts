import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Refusal } from '../../lib/core/domain/errors'
import { hostUuid } from '../../lib/core/domain/ids'
import { serveApi, type ApiServer } from '../../lib/dom0/api/api-server'
import { failureResponse, successResponse } from '../../lib/dom0/api/plugin-xml'
import { DAEMON_ASKS } from '../../lib/wire/ask-shapes'
import { daemonHandlers, recordingLog } from '../unit/dom0/small-daemon'
import { installInto, runInstalled } from './installed-host'

const HOST = hostUuid('bbbbbbbb-0001-4000-8000-000000000001')
const VM = 'aaaaaaaa-0001-4000-8000-000000000001'
const SR = 'cccccccc-0001-4000-8000-000000000001'
const KEY = 'dddddddd-0001-4000-8000-000000000001'

let root = ''
let server: ApiServer | undefined
/** A daemon that accepts and never answers. */
let hung: Server | undefined
const held: Socket[] = []
const sockets = { alive: '', hung: '', none: '' }

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'holdfast-process-'))
  installInto(root)
  sockets.alive = join(root, 'run/alive.sock')
  sockets.hung = join(root, 'run/hung.sock')
  sockets.none = join(root, 'run/none.sock')
  server = await serveApi({
    socketPath: sockets.alive,
    shapes: DAEMON_ASKS,
    handlers: {
      ...daemonHandlers(),
      version: () => Promise.resolve({ version: 'café <&> \u0001', host: HOST }),
      unprotect: ({ vm }) => Promise.reject(new Refusal('HOLDFAST_NOT_PROTECTED', { vm })),
      hook: ({ reason }) => Promise.resolve({ goOn: reason !== 'forbidden', text: 'Host h2 holds its claim.' }),
      'sr-detach': () => Promise.resolve(null),
      'datapath-activate': ({ volume }) =>
        Promise.reject(new Refusal('HOLDFAST_VOLUME_ELSEWHERE', { volume, host: 'h1', home: 'h2' })),
    },
    log: recordingLog(),
  })
  const silent = createServer((socket) => held.push(socket))
  hung = silent
  await new Promise<void>((resolve) => silent.listen(sockets.hung, () => resolve()))
}, 60_000)

afterAll(async () => {
  await server?.close()
  held.forEach((socket) => socket.destroy())
  await new Promise<void>((resolve) => (hung === undefined ? resolve() : hung.close(() => resolve())))
  rmSync(root, { recursive: true })
})

const call = (fn: string, args: Record<string, string> = {}): string => {
  const members = Object.entries(args).map(([name, value]) => `<member><name>${name}</name><value>${value}</value></member>`)
  return `<methodCall><methodName>${fn}</methodName><params><param><value>OpaqueRef:1</value></param><param><value><struct>${members.join('')}</struct></value></param></params></methodCall>`
}

describe('/etc/xapi.d/plugins/holdfast', () => {
  const plugin = (argv: readonly string[], socket = sockets.alive) =>
    runInstalled(root, 'etc/xapi.d/plugins/holdfast', argv, socket)
  test('prints the response and nothing else', async () => {
    expect(await plugin([call('version')])).toMatchObject({
      exit: 0,
      stdout: successResponse(`{"version":"café <&> \\u0001","host":"${HOST}"}`),
      stderr: '',
    })
  })
  test('exits 0 whatever happens', async () => {
    expect(await plugin([call('unprotect', { vm: VM })])).toMatchObject({
      exit: 0,
      stdout: failureResponse([
        'HOLDFAST_NOT_PROTECTED',
        `VM ${VM} is not protected.`,
        'No claim exists for it.',
        'Nothing needs to be done.',
      ]),
    })
    expect(await plugin([call('nosuch')])).toMatchObject({
      exit: 0,
      stdout: failureResponse(['UNKNOWN_XENAPI_PLUGIN_FUNCTION', 'nosuch']),
    })
    expect((await plugin(['<methodCall>'])).stdout).toContain('<value>HOLDFAST_BAD_REQUEST</value>')
    expect((await plugin([])).stdout).toContain('<value>HOLDFAST_BAD_REQUEST</value>')
  })
  test('a daemon that is down or hangs is an answer, too', async () => {
    expect(await plugin([call('status')], sockets.none)).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('<value>HOLDFAST_DAEMON_UNREACHABLE</value>') as unknown,
    })
    expect(await plugin([call('status', { timeout: '1' })], sockets.hung)).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('<value>HOLDFAST_TIMED_OUT</value>') as unknown,
    })
  })
  test('the longest argument that Linux passes is read', async () => {
    const longest = call('status', { vm: 'x'.repeat(126 * 1024) })
    expect(await plugin([longest])).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('<value>Success</value>') as unknown,
    })
  })
})

describe('/etc/xapi.d/<hook>/50-holdfast', () => {
  const hook = (name: string, reason: string, socket = sockets.alive) =>
    runInstalled(root, `etc/xapi.d/${name}/50-holdfast`, ['-vmuuid', VM, '-reason', reason], socket)
  test('knows its hook by its folder: only vm-pre-start aborts', async () => {
    expect(await hook('vm-pre-start', 'none')).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    expect(await hook('vm-pre-start', 'forbidden')).toMatchObject({ exit: 2, stdout: 'Host h2 holds its claim.\n' })
    expect(await hook('vm-pre-shutdown', 'forbidden')).toMatchObject({ exit: 1, stdout: 'Host h2 holds its claim.\n' })
  })
  test('a daemon that is down or hangs stops no VM', async () => {
    expect(await hook('vm-pre-start', 'none', sockets.none)).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    expect(await hook('vm-pre-start', 'none', sockets.hung)).toMatchObject({ exit: 0, stdout: '', stderr: '' })
  })
})

describe('storage calls', () => {
  const storage = (path: string, input: string, socket = sockets.alive) =>
    runInstalled(root, `usr/libexec/xapi-storage-script/${path}`, ['--json'], socket, input)
  test('JSON in, JSON out', async () => {
    const query = await storage('volume/holdfast/Plugin.Query', '{"dbg":"t"}', sockets.none)
    expect([query.exit, JSON.parse(query.stdout)]).toMatchObject([0, { plugin: 'holdfast', version: '0.1.0' }])
    expect(await storage('volume/holdfast/SR.detach', JSON.stringify({ dbg: 't', sr: SR }))).toMatchObject({
      exit: 0,
      stdout: 'null',
      stderr: '',
    })
  })
  test('activate is refused where the bytes are not', async () => {
    const uri = `holdfast://${SR}/${KEY}`
    const { exit, stdout } = await storage('datapath/holdfast/Datapath.activate', JSON.stringify({ dbg: 't', uri, domain: '7' }))
    expect([exit, JSON.parse(stdout)]).toMatchObject([
      1,
      { code: 'HOLDFAST_VOLUME_ELSEWHERE', backtrace: { files: [], lines: [] } },
    ])
  })
  test('input that is no JSON, or too long', async () => {
    for (const input of ['', '{', '['.repeat(2 * 1024 * 1024)]) {
      const { exit, stdout } = await storage('volume/holdfast/SR.ls', input)
      expect([exit, JSON.parse(stdout)]).toMatchObject([1, { code: 'HOLDFAST_BAD_REQUEST' }])
    }
  })
  test('without a daemon', async () => {
    const { exit, stdout } = await storage('volume/holdfast/SR.ls', JSON.stringify({ dbg: 't', sr: SR }), sockets.none)
    expect([exit, JSON.parse(stdout)]).toMatchObject([1, { code: 'HOLDFAST_DAEMON_UNREACHABLE' }])
  })
})
