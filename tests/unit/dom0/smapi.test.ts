import { Refusal } from '../../../lib/core/domain/errors'
import type { Ask } from '../../../lib/dom0/api/daemon-client'
import { DATAPATH_CALLS } from '../../../lib/dom0/smapi/datapath-calls'
import { runStorageCall } from '../../../lib/dom0/smapi/run-call'
import { VOLUME_CALLS } from '../../../lib/dom0/smapi/volume-calls'

const SR = 'cccccccc-0001-4000-8000-000000000001'
const KEY = 'dddddddd-0001-4000-8000-000000000001'
const URI = `holdfast://${SR}/${KEY}`
const STAT = { key: KEY, name: 'n', description: 'd', sharable: false, sizeBytes: 4194304, usedBytes: 4096, keys: { a: 'b' } }
const VOLUME = {
  key: KEY,
  uuid: KEY,
  name: 'n',
  description: 'd',
  read_write: true,
  sharable: false,
  virtual_size: 4194304,
  physical_utilisation: 4096,
  uri: [URI],
  keys: { a: 'b' },
}
const NBD = `nbd:unix:/run/holdfast/workers/w/${KEY}.sock:exportname=${KEY}`

interface Case {
  readonly script: string
  readonly stdin: object
  /** Function, body and answer of the daemon; none when it is not asked. */
  readonly daemon?: readonly [fn: string, body: object, answer: unknown]
  readonly stdout: unknown
}
const CASES: readonly Case[] = [
  {
    script: 'volume/holdfast/SR.probe',
    stdin: { dbg: 't', configuration: { path: '/srv' } },
    stdout: [{ configuration: { path: '/srv' }, complete: true, extra_info: {} }],
  },
  {
    script: 'volume/holdfast/SR.create',
    stdin: { dbg: 't', uuid: SR, configuration: { path: '/srv' }, name: 'n', description: 'd' },
    daemon: ['sr-create', { uuid: SR, configuration: { path: '/srv' } }, { path: '/srv', sr: SR }],
    stdout: { path: '/srv', sr: SR },
  },
  {
    script: 'volume/holdfast/SR.attach',
    stdin: { dbg: 't', configuration: { path: '/srv', sr: SR } },
    daemon: ['sr-attach', { configuration: { path: '/srv', sr: SR } }, SR],
    stdout: SR,
  },
  { script: 'volume/holdfast/SR.detach', stdin: { dbg: 't', sr: SR }, daemon: ['sr-detach', { sr: SR }, null], stdout: null },
  { script: 'volume/holdfast/SR.destroy', stdin: { dbg: 't', sr: SR }, daemon: ['sr-destroy', { sr: SR }, null], stdout: null },
  {
    script: 'volume/holdfast/SR.stat',
    stdin: { dbg: 't', sr: SR },
    daemon: ['sr-stat', { sr: SR }, { sr: SR, totalBytes: 1000, freeBytes: 400 }],
    stdout: {
      sr: SR,
      uuid: SR,
      name: '',
      description: '',
      free_space: 400,
      total_space: 1000,
      datasources: [],
      clustered: false,
      health: ['Healthy', ''],
    },
  },
  {
    script: 'volume/holdfast/SR.ls',
    stdin: { dbg: 't', sr: SR },
    daemon: ['sr-ls', { sr: SR }, [STAT]],
    stdout: [VOLUME],
  },
  { script: 'volume/holdfast/SR.set_name', stdin: { dbg: 't', sr: SR, new_name: 'x' }, stdout: null },
  { script: 'volume/holdfast/SR.set_description', stdin: { dbg: 't', sr: SR, new_description: 'x' }, stdout: null },
  {
    script: 'volume/holdfast/Volume.create',
    stdin: { dbg: 't', sr: SR, name: 'n', description: 'd', size: 4194304, sharable: false },
    daemon: ['volume-create', { sr: SR, name: 'n', description: 'd', sizeBytes: 4194304, sharable: false }, STAT],
    stdout: VOLUME,
  },
  {
    script: 'volume/holdfast/Volume.destroy',
    stdin: { dbg: 't', sr: SR, key: KEY },
    daemon: ['volume-destroy', { sr: SR, key: KEY }, null],
    stdout: null,
  },
  {
    script: 'volume/holdfast/Volume.resize',
    stdin: { dbg: 't', sr: SR, key: KEY, new_size: 8388608 },
    daemon: ['volume-resize', { sr: SR, key: KEY, sizeBytes: 8388608 }, null],
    stdout: null,
  },
  {
    script: 'volume/holdfast/Volume.stat',
    stdin: { dbg: 't', sr: SR, key: KEY },
    daemon: ['volume-stat', { sr: SR, key: KEY }, STAT],
    stdout: VOLUME,
  },
  {
    script: 'volume/holdfast/Volume.set_name',
    stdin: { dbg: 't', sr: SR, key: KEY, new_name: 'x' },
    daemon: ['volume-set', { sr: SR, key: KEY, name: 'x' }, null],
    stdout: null,
  },
  {
    script: 'volume/holdfast/Volume.set_description',
    stdin: { dbg: 't', sr: SR, key: KEY, new_description: 'x' },
    daemon: ['volume-set', { sr: SR, key: KEY, description: 'x' }, null],
    stdout: null,
  },
  {
    script: 'volume/holdfast/Volume.set',
    stdin: { dbg: 't', sr: SR, key: KEY, k: 'a', v: 'b' },
    daemon: ['volume-set', { sr: SR, key: KEY, set: { a: 'b' } }, null],
    stdout: null,
  },
  {
    script: 'volume/holdfast/Volume.unset',
    stdin: { dbg: 't', sr: SR, key: KEY, k: 'a' },
    daemon: ['volume-set', { sr: SR, key: KEY, unset: ['a'] }, null],
    stdout: null,
  },
  { script: 'datapath/holdfast/Datapath.open', stdin: { dbg: 't', uri: URI, persistent: true }, stdout: null },
  {
    script: 'datapath/holdfast/Datapath.attach',
    stdin: { dbg: 't', uri: URI, domain: '7' },
    daemon: ['datapath-attach', { volume: KEY, domain: '7' }, { socket: `/run/holdfast/workers/w/${KEY}.sock`, exportName: KEY }],
    stdout: {
      implementations: [
        ['XenDisk', { params: NBD, extra: {}, backend_type: 'qdisk' }],
        ['Nbd', { uri: NBD }],
      ],
    },
  },
  ...['activate', 'deactivate', 'detach'].map((verb): Case => ({
    script: `datapath/holdfast/Datapath.${verb}`,
    stdin: { dbg: 't', uri: URI, domain: '7' },
    daemon: [`datapath-${verb}`, { volume: KEY, domain: '7' }, null],
    stdout: null,
  })),
  { script: 'datapath/holdfast/Datapath.close', stdin: { dbg: 't', uri: URI }, stdout: null },
]

async function run(
  script: string,
  stdin: string,
  answer: () => Promise<unknown>,
): Promise<{ exit: number; printed: unknown; asked: unknown[] }> {
  const asked: unknown[] = []
  const ask = (fn: string, body: object): Promise<unknown> => {
    asked.push([fn, body])
    return answer()
  }
  const calls = script.startsWith('datapath/') ? DATAPATH_CALLS : VOLUME_CALLS
  const { exit, output } = await runStorageCall(calls, `/usr/libexec/xapi-storage-script/${script}`, stdin, ask as Ask, '1.2.3')
  return { exit, printed: JSON.parse(output), asked }
}

test.each(CASES)('$script', async ({ script, stdin, daemon, stdout }) => {
  expect(await run(script, JSON.stringify(stdin), () => Promise.resolve(daemon?.[2]))).toEqual({
    exit: 0,
    printed: stdout,
    asked: daemon === undefined ? [] : [[daemon[0], daemon[1]]],
  })
})

test('every call has a case, and names are matched in any case', async () => {
  const named = (folder: string): string[] =>
    CASES.filter(({ script }) => script.startsWith(`${folder}/`)).map(({ script }) => script.slice(folder.length + 10))
  expect(['Plugin.Query', ...named('volume')].sort()).toEqual(Object.keys(VOLUME_CALLS).sort())
  expect(['Plugin.Query', ...named('datapath')].sort()).toEqual(Object.keys(DATAPATH_CALLS).sort())
  expect(await run('volume/holdfast/sr.LS', `{"sr":"${SR}"}`, () => Promise.resolve([]))).toMatchObject({ exit: 0, printed: [] })
})

test('both folders answer Plugin.Query for themselves', async () => {
  const query = (folder: string) => run(`${folder}/holdfast/Plugin.Query`, '{"dbg":"t"}', () => Promise.resolve(null))
  const common = { plugin: 'holdfast', version: '1.2.3', required_api_version: '5.0', required_cluster_stack: [] }
  expect((await query('volume')).printed).toMatchObject({ ...common, features: expect.arrayContaining(['SR_ATTACH']) as unknown })
  expect((await query('datapath')).printed).toMatchObject({ ...common, features: [] })
})

describe('failures', () => {
  const ATTACH = JSON.stringify({ dbg: 't', uri: URI, domain: '7' })
  test('a refusal keeps its code and says what, why and what to do', async () => {
    const refusal = new Refusal('HOLDFAST_VOLUME_ELSEWHERE', { volume: KEY, host: 'h1', home: 'h2' })
    expect(await run('datapath/holdfast/Datapath.attach', ATTACH, () => Promise.reject(refusal))).toMatchObject({
      exit: 1,
      printed: {
        code: 'HOLDFAST_VOLUME_ELSEWHERE',
        params: [
          `Volume ${KEY} cannot be attached on host h1.`,
          'It is unprotected and its only copy is on host h2.',
          'Start the VM there, or protect it so that both hosts have a copy.',
        ],
        backtrace: { error: 'HOLDFAST_VOLUME_ELSEWHERE', files: [], lines: [] },
      },
    })
  })
  test('anything else is a failure of the back end', async () => {
    expect(await run('datapath/holdfast/Datapath.attach', ATTACH, () => Promise.reject(new RangeError('x')))).toMatchObject({
      exit: 1,
      printed: { code: 'SR_BACKEND_FAILURE', params: ['RangeError', 'x', ''], backtrace: { error: 'RangeError' } },
    })
  })
  test.each([
    ['volume/holdfast/SR.ls', '', 'The standard input is not a JSON object.'],
    ['volume/holdfast/SR.ls', '[]', 'The standard input is not a JSON object.'],
    ['volume/holdfast/SR.ls', '{"sr":7}', 'Argument "sr" must be a text.'],
    [
      'volume/holdfast/SR.create',
      `{"uuid":"${SR}","configuration":{"path":1}}`,
      'Argument "configuration" must be an object of texts.',
    ],
    ['volume/holdfast/Volume.resize', `{"sr":"s","key":"k","new_size":1.5}`, 'Argument "new_size" must be a number of bytes.'],
    ['volume/holdfast/Volume.snapshot', '{}', 'There is no storage call "Volume.snapshot".'],
    ['volume/holdfast/Datapath.attach', '{}', 'There is no storage call "Datapath.attach".'],
    ['datapath/holdfast/Datapath.open', '{"uri":"nbd://a/b"}', '"nbd://a/b" is not holdfast://<sr>/<volume>.'],
    [
      'datapath/holdfast/Datapath.attach',
      `{"uri":"holdfast://a/b/c","domain":"0"}`,
      '"holdfast://a/b/c" is not holdfast://<sr>/<volume>.',
    ],
  ])('%s %s', async (script, stdin, reason) => {
    const { exit, printed, asked } = await run(script, stdin, () => Promise.resolve(null))
    expect([exit, asked]).toEqual([1, []])
    expect(printed).toMatchObject({
      code: 'HOLDFAST_BAD_REQUEST',
      params: ['The request was not understood.', reason, expect.any(String)],
    })
  })
})
