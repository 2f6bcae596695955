import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { HostOperations, Value } from '../../../../lib/lab/contract'
import { ApiError } from '../../../../lib/lab/contract'
import { toolOperations } from '../../../../lib/lab/xapi/plugin/operations'
import { pluginRequest } from '../../../../lib/lab/xapi/plugin/request'
import { OUTCOMES } from './plugin-outcomes'

describe('plug-ins and hooks of a host', () => {
  let root: string
  let operations: HostOperations
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'lab-plugin-'))
    operations = toolOperations(root)
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  function install(path: string, text: string, mode = 0o755): void {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    chmodSync(file, mode)
  }
  const perform = (operation: string, args: { [key: string]: Value }): Promise<Value> => {
    const run = operations[operation]
    if (run === undefined) throw new Error(`no ${operation}`)
    return run(args)
  }
  async function call(plugin: string, fn = 'go', args: { [key: string]: string } = {}): Promise<unknown> {
    try {
      return await perform('plugin.call', { plugin, fn, args, session: 'OpaqueRef:s' })
    } catch (error) {
      if (error instanceof ApiError) return [error.code, ...error.params]
      throw error
    }
  }

  test.each(OUTCOMES)('$name', async ({ stdout, stderr, exit, signal, gives }) => {
    writeFileSync(join(root, 'out'), stdout)
    writeFileSync(join(root, 'err'), stderr ?? '')
    const end = signal === undefined ? `exit ${exit ?? 0}` : `kill -${signal} $$`
    install('etc/xapi.d/plugins/case', `#!/bin/sh\ncat ${root}/out\ncat ${root}/err >&2\n${end}\n`)
    expect(await call('case')).toEqual(gives)
    expect(readdirSync(join(root, 'run/nonpersistent/forkexecd'))).toEqual([])
  })

  test('what cannot be executed is a non-zero exit that printed nothing; what is not there is missing', async () => {
    const silent = ['XENAPI_PLUGIN_FAILURE', 'non-zero exit', '', '']
    install('etc/xapi.d/plugins/not-executable', '#!/bin/sh\n', 0o644)
    install('etc/xapi.d/plugins/no-interpreter', '#!/no/such/interpreter\n')
    install('etc/xapi.d/plugins/no-shebang', 'echo hello\n')
    mkdirSync(join(root, 'etc/xapi.d/plugins/folder'))
    install('etc/xapi.d/plugins/fine', '#!/bin/sh\n')
    for (const name of ['not-executable', 'no-interpreter', 'no-shebang', 'folder'])
      expect([name, await call(name)]).toEqual([name, silent])
    expect(await call('fine', 'go', { large: 'x'.repeat(131_072) })).toEqual(silent)
    for (const name of ['absent', '', '.', '..', '../plugins/fine', './fine', 'fine/']) {
      expect(await call(name)).toEqual(['XENAPI_MISSING_PLUGIN', name])
    }
  })

  test('argv is one compact methodCall', () => {
    expect(pluginRequest('ping', 'OpaqueRef:s', {})).toBe(
      '<methodCall><methodName>ping</methodName><params><param><value>OpaqueRef:s</value></param><param><value><struct/></value></param></params></methodCall>',
    )
    expect(pluginRequest('set', 'OpaqueRef:s', { empty: '', 'a<b': '"é" & \'>\u0001\n' })).toContain(
      "<struct><member><name>empty</name><value/></member><member><name>a&lt;b</name><value>&quot;é&quot; &amp; '&gt;\n</value></member></struct>",
    )
  })

  test('the process has a bare environment, a session of its own, and a stdin that cannot be read', async () => {
    const answer =
      '<methodResponse><params><param><value><struct><member><name>Status</name><value>Success</value></member><member><name>Value</name><value>%s</value></member></struct></value></param></params></methodResponse>'
    install(
      'etc/xapi.d/plugins/look',
      [
        `#!${process.execPath}`,
        `const fs = require('fs')`,
        `const field = (n) => fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[n]`,
        `let stdin = 'read'; try { fs.readSync(0, Buffer.alloc(1)) } catch (e) { stdin = e.code }`,
        `const seen = { env: process.env, cwd: process.cwd(), args: process.argv.length - 2, stdin, isLeader: field(3) === String(process.pid), stdout: fs.fstatSync(1).isFile() }`,
        `process.stdout.write('${answer}'.replace('%s', JSON.stringify(seen)))`,
      ].join('\n'),
    )
    expect(JSON.parse(String(await call('look')))).toEqual({
      ...{ env: { PATH: '/sbin:/usr/sbin:/bin:/usr/bin' }, cwd: '/', args: 1, stdin: 'EBADF', isLeader: true, stdout: true },
    })
  })

  test('a child left behind does not hold up the answer', async () => {
    const out = OUTCOMES[0]?.stdout.toString() ?? ''
    install('etc/xapi.d/plugins/parent', `#!/bin/sh\n(while [ -e ${root} ]; do sleep 0.05; done) &\necho '${out}'\n`)
    expect(await call('parent')).toBe(OUTCOMES[0]?.gives)
  })

  test('hooks run in byte order, get their argv, and stop at the first exit above 1', async () => {
    const note = `#!/bin/sh\necho "$(basename $0) $*" >> ${root}/ran\n`
    for (const [name, exit] of [
      ['10first', 0],
      ['9ninth', 1],
      ['50stop', 3],
      ['Zlast', 0],
      ['zz', 0],
    ] as const) {
      install(`etc/xapi.d/vm-pre-start/${name}`, `${note}echo told; exit ${exit}\n`)
    }
    const argv = ['-vmuuid', 'u-1', '-reason', 'none']
    expect(await perform('hook.run', { hook: 'vm-pre-start', argv })).toEqual({
      exit: 3,
      stdout: 'told\n',
      script: '50stop',
      signal: '',
    })
    expect(readText('ran')).toBe('10first -vmuuid u-1 -reason none\n50stop -vmuuid u-1 -reason none\n')
    install('etc/xapi.d/vm-pre-start/50stop', `${note}exit 1\n`)
    expect(await perform('hook.run', { hook: 'vm-pre-start', argv })).toMatchObject({ exit: 0 })
    expect(
      readText('ran')
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual([...['10first', '50stop', '10first', '50stop', '9ninth', 'Zlast', 'zz']])
    expect(await perform('hook.run', { hook: 'vm-pre-reboot', argv })).toMatchObject({ exit: 0 })
  })

  test('a hook that cannot be run has exit 126, one that a signal ends says so', async () => {
    install('etc/xapi.d/vm-post-destroy/README', 'not a script\n', 0o644)
    expect(await perform('hook.run', { hook: 'vm-post-destroy', argv: [] })).toMatchObject({ exit: 126, script: 'README' })
    install('etc/xapi.d/vm-pre-reboot/10', '#!/bin/sh\nkill -TERM $$\n')
    expect(await perform('hook.run', { hook: 'vm-pre-reboot', argv: [] })).toMatchObject({ signal: 'SIGTERM', script: '10' })
  })

  const readText = (path: string): string => readFileSync(join(root, path), 'utf8')
})
