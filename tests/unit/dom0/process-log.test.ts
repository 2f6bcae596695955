import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'

/** In a process of its own, because the log goes to that process's standard error. */
describe('the log of a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-log-'))
  const file = join(folder, 'program.js')
  const LOG = JSON.stringify(join(__dirname, '../../../lib/dom0/process-log'))
  const said = (program: string): { stdout: string; lines: string[] } => {
    const source = `import { processLog } from ${LOG}\n${program}`
    buildSync({
      stdin: { contents: source, resolveDir: __dirname },
      outfile: file,
      bundle: true,
      platform: 'node',
      logLevel: 'silent',
    })
    const { stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    return { stdout, lines: stderr.split('\n').slice(0, -1) }
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
})
