import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from '../../../lib/core/domain/assert'
import { serveApi } from '../../../lib/dom0/api/api-server'
import { DAEMON_ASKS } from '../../../lib/wire/ask-shapes'
import { operatorProgram, runProgram } from '../../../plugin/commander'
import type { Terminal } from '../../../plugin/commander/terminal'
import { recordingLog } from '../dom0/small-daemon'
import { POOLS } from './pools'

/**
 * tests/cli/*.txt: `@ pool` starts a daemon of that name (`@ none` none), `$ holdfast ...` runs the command, and what follows is
 * what it printed: stderr marked with `! `, an exit status other than 0 as `[exit n]`. `UPDATE=1` writes the files anew.
 */
const FOLDER = join(__dirname, '..', '..', 'cli')
const update = process.env['UPDATE'] === '1' && process.env['CI'] === undefined

let scratch = ''
beforeAll(() => (scratch = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))))
afterAll(() => rmSync(scratch, { recursive: true }))

const words = (line: string): string[] => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')

/** What one command prints, as it stands in a transcript. */
async function run(line: string, socket: string): Promise<string> {
  const printed: string[] = []
  const print = (mark: string) => (text: string) => {
    printed.push(
      ...text
        .replace(/\n$/, '')
        .split('\n')
        .map((each) => `${mark}${each}\n`.replace(/ +\n/, '\n')),
    )
  }
  const terminal: Terminal = { out: print(''), err: print('! '), colours: false, progress: null }
  const status = await runProgram(operatorProgram(terminal, socket), words(line).slice(1), terminal)
  return `${printed.join('').replaceAll(socket, '/run/holdfast/daemon.sock')}${status === 0 ? '' : `[exit ${status}]\n`}`
}

async function replayed(transcript: string): Promise<string> {
  const socket = join(scratch, 'daemon.sock')
  const blocks: string[] = []
  let server = null
  for (const line of transcript.split('\n').filter((each) => /^[#@$]|^$/.test(each))) {
    if (line.startsWith('@ ')) {
      await server?.close()
      const pool = POOLS[line.slice(2)]
      server =
        line === '@ none'
          ? null
          : await serveApi({ socketPath: socket, shapes: DAEMON_ASKS, handlers: must(pool, line)(), log: recordingLog() })
    }
    const answer = line.startsWith('$ ') ? await run(line.slice(2), socket) : ''
    if (line !== '') blocks.push(`${line}\n${answer}${line.startsWith('$ ') ? '\n' : ''}`)
  }
  await server?.close()
  return blocks.join('')
}

test.each(readdirSync(FOLDER))('%s', async (file) => {
  const path = join(FOLDER, file)
  const transcript = readFileSync(path, 'utf8')
  const now = await replayed(transcript)
  if (update) writeFileSync(path, now)
  else expect(now).toBe(transcript)
  const results = now.split('\n').filter((line) => !/^[#$!]|^ *"/.test(line))
  expect(results.filter((line) => line.length > 100)).toEqual([])
})

test('colours mark what is well and what is not, on a terminal only', async () => {
  const socket = join(scratch, 'colours.sock')
  const server = await serveApi({
    socketPath: socket,
    shapes: DAEMON_ASKS,
    handlers: must(POOLS['degraded'], 'a pool')(),
    log: recordingLog(),
  })
  const printed: string[] = []
  const terminal: Terminal = {
    out: (text) => printed.push(text),
    err: (text) => printed.push(text),
    colours: true,
    progress: null,
  }
  expect(await runProgram(operatorProgram(terminal, socket), ['status'], terminal)).toBe(0)
  await server.close()
  expect(printed.join('')).toContain('\u001b[31mdegraded\u001b[0m')
})
