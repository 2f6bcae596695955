import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { conform, NothingToReplay } from '../../../../../lib/lab/xapi/conformance/conform'

const CALL = { transport: 'json-rpc 2.0', host: 'host1', ms: 20, http_status: 'HTTP/1.1 200 OK' }
const login = {
  ...CALL,
  name: 'login',
  t: 0,
  method: 'session.login_with_password',
  params: ['root', 'xenroot'],
  response: { result: '$session' },
}
const start = {
  ...CALL,
  name: 'start',
  t: 0.2,
  ms: 500,
  method: 'VM.start',
  params: ['$session', '$vm0', false, false],
  response: { result: '' },
}

/** What a recorded watcher saw: an event of the machine, trimmed to `kept`. */
const watcher = (kept: object, cls = 'vm', ref = '$vm0'): object => ({
  ...CALL,
  ...{ name: 'watcher: event.from', t: 0.4, ms: 0, method: 'event.from' },
  params: ['$session_w', ['vm', 'task'], '00000000000000000001,00000000000000000000', 0.2],
  response: {
    result: {
      events: [{ id: '7', timestamp: '0.0', class: cls, operation: 'mod', ref, snapshot: kept }],
      token: '00000000000000000002,00000000000000000000',
    },
  },
})

describe('replaying recordings', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'recordings-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const record = (name: string, ...steps: object[]): void => writeFileSync(join(folder, `${name}.json`), JSON.stringify(steps))

  async function report(): Promise<string[]> {
    const lines: string[] = []
    await conform({
      ...{ folder, only: '', isVerbose: true, print: (line: string) => lines.push(line) },
      progress: { isTerminal: false, write: () => undefined },
    })
    return lines
  }

  test('every step with an answer is same, different or not built; notes do not count', async () => {
    const note = { name: 'a note', transport: 'note', t: 0.01, text: 'x' }
    const wrong = {
      ...CALL,
      name: 'labels',
      t: 0.1,
      method: 'pool.get_name_label',
      params: ['$session', '$pool'],
      response: { result: 'another' },
    }
    const strange = { ...CALL, name: 'strange', t: 0.1, method: 'VM.levitate', params: ['$session'], response: { result: '' } }
    const lost = {
      ...CALL,
      name: 'lost',
      t: 0.1,
      method: 'VM.get_uuid',
      params: ['$session', '$never'],
      response: { result: 'x' },
    }
    record('01-some', login, note, wrong, strange, lost)
    const [summary, ...differences] = await report()
    expect(summary).toBe('01-some: 1 same, 2 different, 1 not built (33 % of the built ones the same)')
    expect(differences.map((line) => /^ {2}(.*?) \[/u.exec(line)?.[1])).toEqual([
      'different: labels',
      'not built: strange',
      'different: lost',
    ])
  })

  test('what a recorded watcher saw must have been seen here, with every kept field and its type', async () => {
    record(
      '02-same',
      login,
      start,
      watcher({ power_state: 'Running', resident_on: '$host1', current_operations: { x: 'start' } }),
    )
    record('03-type', login, start, watcher({ power_state: 'Running', domid: '1' }))
    record('04-field', login, start, watcher({ power_state: 'Running', levitation: 1 }))
    record('05-object', login, start, watcher({ uuid: '$x', name_label: 'VM.levitate' }, 'task', '$ref1'))
    const lines = await report()
    expect(lines.filter((line) => !line.startsWith(' ')).map((line) => line.split(' (')[0])).toEqual([
      '02-same: 3 same, 0 different, 0 not built',
      '03-type: 2 same, 1 different, 0 not built',
      '04-field: 2 same, 1 different, 0 not built',
      '05-object: 2 same, 1 different, 0 not built',
    ])
    expect(lines.filter((line) => line.startsWith(' ')).map((line) => line.split('event.from: ').at(-1))).toEqual([
      expect.stringContaining('.domid: recorded a string, ours number'),
      expect.stringContaining('ours lacks levitation'),
      'never seen here: task mod $ref1 VM.levitate',
    ])
  })

  test('a hook script that is told of decides over a start; a part goes on where the one before ended', async () => {
    const script =
      '#!/bin/sh\na=$(sed -n "s/^vm-pre-start //p" /etc/golden-hook 2>/dev/null)\n[ -z "$a" ] || { echo "for exit $a"; exit $a; }\n'
    const note = { name: 'the script, put as 50x in these', transport: 'note', t: 0.05, dirs: ['vm-pre-start'], source: script }
    const data = ['vm-pre-start/50x', 'none', 'for exit 4\n', '4']
    const refused = {
      ...start,
      name: 'vm-pre-start exits 4: start',
      response: { error: { code: 1, message: 'XAPI_HOOK_FAILED', data } },
    }
    const twice = {
      ...start,
      t: 0.1,
      name: 'again',
      response: { error: { code: 1, message: 'VM_BAD_POWER_STATE', data: ['$vm0', 'halted', 'running'] } },
    }
    record('06-a', login, note, refused, { ...start, t: 1 })
    record('06b', login, twice)
    expect(await report()).toEqual([
      '06-a: 3 same, 0 different, 0 not built (100 % of the built ones the same)',
      '06b: 2 same, 0 different, 0 not built (100 % of the built ones the same)',
    ])
  })

  test('a run of xe is compared by exit code and form', async () => {
    const xe = (argv: string[], exit: number, stdout: string, stderr: string): object => ({
      ...{ name: argv.join(' '), transport: 'exec', host: 'host2', t: 0.1, ms: 20, argv: ['xe', ...argv], exit, stdout, stderr },
    })
    record(
      '09',
      xe(['host-list', '--minimal'], 0, '$host3.uuid,$host1.uuid,$host2.uuid\n', ''),
      xe(['host-list', 'bogus=1'], 1, '', "Error: Unknown field 'bogus'\n"),
      xe(['host-list', 'params=name-label'], 0, 'name-label ( RO): host1\n', ''),
      xe(['vm-levitate'], 0, '', ''),
    )
    const [summary] = await report()
    expect(summary).toBe('09: 2 same, 1 different, 1 not built (66 % of the built ones the same)')
  })

  test('a folder that cannot be read, or has no recordings, is refused', async () => {
    await expect(report()).rejects.toThrow(NothingToReplay)
    rmSync(folder, { recursive: true })
    await expect(report()).rejects.toThrow(/cannot read the recordings in/u)
  })
})
