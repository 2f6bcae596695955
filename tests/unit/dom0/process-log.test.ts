import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { NO_MOUNTS, SmallFileSystem } from '../../contracts/small-file-system'

/** In a process of its own, because the log goes to that process's standard error. */
describe('the log of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'))
  const file = join(folder, 'program.js')
  const LOG = JSON.stringify(join(__dirname, '../../../lib/dom0/process/process-log'))
  const said = (program: string): { stdout: string; lines: string[] } => {
    const { stdout, stderr } = run(program, 'pipe')
    return { stdout, lines: stderr.split('\n').slice(0, -1) }
  }
  const run = (program: string, log: number | 'pipe'): SpawnSyncReturns<string> => {
    const source = `import { processLog } from ${LOG}\n${program}`
    buildSync({
      stdin: { contents: source, resolveDir: __dirname },
      outfile: file,
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
    })
    return spawnSync(process.execPath, [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', log] })
  }
  afterAll(() => rmSync(folder, { recursive: true }))

  const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`

  test('one line per event: time, level, process, text, facts as JSON', () => {
    const { stdout, lines } = said(`
      const log = processLog('worker 4711')
      log.info('role', { role: 'primary', nested: { password: 'kept as it is given' }, none: null })
      log.warn('two\\tparts of 100 %s')
      log.error('the end')`)
    expect(stdout).toBe('')
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatch(
      new RegExp(
        `^${TIME} INFO  worker 4711: role \\{"role":"primary","nested":\\{"password":"kept as it is given"\\},"none":null\\}$`,
      ),
    )
    expect(lines[1]).toMatch(new RegExp(`^${TIME} WARN  worker 4711: two\tparts of 100 %s$`))
    expect(lines[2]).toMatch(new RegExp(`^${TIME} ERROR worker 4711: the end$`))
  })

  test('keeps what is below its level to itself, and the last line of a process that ends at once', () => {
    expect(said(`processLog('a').debug('no'); processLog('b', 'debug').debug('yes'); process.exit(1)`).lines).toEqual([
      expect.stringMatching(/ DEBUG b: yes$/),
    ])
  })

  ;(NO_MOUNTS === '' ? test : test.skip)(
    'a full file system under it ends nobody; the newest lines are written at the end',
    () => {
      const small = SmallFileSystem.mount(64 * 1024)
      try {
        const log = openSync(join(small.path, 'log'), 'a')
        small.fill()
        const program = `
        const log = processLog('a')
        log.info('first')
        setTimeout(() => { log.info('last'); rmSync(${JSON.stringify(join(small.path, 'filling'))}) }, 50)`
        const { status } = run(`import { rmSync } from 'node:fs'\n${program}`, log)
        closeSync(log)
        expect(status).toBe(0)
        expect(readFileSync(join(small.path, 'log'), 'utf8')).toMatch(/ a: first\n.* a: last\n$/)
      } finally {
        small.unmount()
      }
    },
  )
})
