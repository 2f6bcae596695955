import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveApi, type ApiServer } from '../../../lib/dom0/api/api-server'
import { hostId, mirrorIds } from '../../../lib/dom0/mirror/identity'
import { writeMirrorRecord } from '../../../lib/dom0/mirror/record'
import { WORKER_ASKS } from '../../../lib/wire/ask-shapes'
import type { WorkerApi, WorkerStatus } from '../../../lib/wire/worker-api'
import { operatorProgram, runProgram } from '../../../plugin/commander'
import type { Terminal } from '../../../plugin/commander/terminal'
import { recordingLog } from '../dom0/small-daemon'

/** What the commands print for a worker that says this or that. */
const { vm, volume } = mirrorIds('orders')
const [A, B] = [hostId('a'), hostId('b')]
let folder = ''
let server: ApiServer | null = null

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'holdfast-mirror-status-')), 'orders')
  mkdirSync(folder)
  const [replica, listen] = ['file:/srv/orders.img', 'unix:/run/orders.sock']
  writeMirrorRecord(folder, { name: 'orders', host: 'a', peer: 'b', replica, listen, link: ['10.0.0.1'] })
})
afterEach(async () => {
  await server?.close()
  server = null
  rmSync(join(folder, '..'), { recursive: true })
})

async function run(...given: string[]): Promise<{ status: number; printed: string }> {
  const printed: string[] = []
  const terminal: Terminal = {
    out: (text) => void printed.push(text),
    err: (text) => void printed.push(text),
    colours: false,
    progress: null,
  }
  const program = operatorProgram(terminal, '/nonexistent')
  const status = await runProgram(program, ['mirror', ...given, '--folder', folder], terminal)
  return { status, printed: printed.join('').replaceAll(folder, '/var/lib/orders') }
}

async function worker(status: Partial<WorkerStatus>, takeOver: WorkerApi['take-over']['answer'][] = []): Promise<void> {
  const claim = { vm, term: 3, holder: A, leaseMs: 1500, upToDate: { [volume]: [A, B] }, lockstep: null }
  const said: WorkerStatus = {
    ...{
      id: vm,
      role: 'primary',
      claim: { revision: 1, claim },
      claimIsCurrent: true,
      frozen: false,
      degraded: '',
      peerConnected: true,
    },
    ...{ witnessReachable: true, guestActive: true, ...status },
    volumes: status.volumes ?? [
      { key: volume, localReplica: 'up-to-date', resync: null, verify: null, refused: null, attachedTo: '0' },
    ],
  }
  const done = () => Promise.resolve(null)
  server = await serveApi<WorkerApi>({
    socketPath: join(folder, 'control.sock'),
    shapes: WORKER_ASKS,
    log: recordingLog(),
    handlers: {
      ...{
        activate: done,
        deactivate: done,
        detach: done,
        protect: done,
        unprotect: done,
        'set-peer': done,
        verify: done,
        lockstep: done,
        'new-settings': done,
        split: () => Promise.resolve({ volumes: [], apart: '' }),
        'split-export': done,
        'split-keep-aside': done,
        'split-put-away': () => Promise.resolve({ folders: [] }),
        'give-up': done,
        stop: done,
      },
      status: () => Promise.resolve(said),
      attach: () => Promise.resolve({ socket: '', exportName: '' }),
      'lockstep-forecast': () => Promise.resolve({ can: false, why: [] }),
      'hand-over': () => Promise.resolve({ handedOver: true, term: 4 }),
      'take-over': () => Promise.resolve(takeOver.shift() ?? { taken: true, term: 4 }),
    },
  })
}

const lines = async (): Promise<string[]> => (await run('status')).printed.split('\n')

test('a resync shows how far it is and how long it takes', async () => {
  const resync = { target: B, doneBytes: 2 ** 30, totalBytes: 4 * 2 ** 30, bytesPerSecond: 100 * 2 ** 20, etaSeconds: 31 }
  await worker({
    degraded: 'a resync is under way',
    volumes: [{ key: volume, localReplica: 'up-to-date', resync, verify: null, refused: null, attachedTo: '0' }],
  })
  expect(await lines()).toEqual([
    'mirror   orders on a',
    'role     primary',
    'health   syncing',
    'claim    held by a, term 3; up-to-date: a, b',
    'peer     b: connected',
    'witness  reachable',
    'replica  file:/srv/orders.img (up-to-date)',
    'disk     served at unix:/run/orders.sock',
    'resync   to b: 25 % of 4 GiB, 100 MiB/s, 31 s left',
    '',
    'A resync is under way.',
    '',
  ])
})

test.each<[string, Partial<WorkerStatus>, string[]]>([
  ['frozen', { frozen: true, degraded: 'neither answers', witnessReachable: false }, ['health   frozen', 'witness  unreachable']],
  [
    'without its peer',
    { degraded: 'the peer is not connected', peerConnected: false },
    ['health   degraded', 'peer     b: not connected'],
  ],
  [
    'of a role not known',
    { role: 'secondary', claim: null },
    ['role     not known yet', 'health   waiting', 'claim    not known'],
  ],
  ['alone', { role: 'solo', claim: null }, ['role     a mirror of one', 'health   one copy']],
])('a worker %s', async (_, status, expected) => {
  await worker(status)
  expect(await lines()).toEqual(expect.arrayContaining(expected))
})

test.each(['inconsistent', 'failed'] as const)('a secondary whose replica is %s is not mirrored', async (localReplica) => {
  await worker({
    role: 'secondary',
    volumes: [{ key: volume, localReplica, resync: null, verify: null, refused: null, attachedTo: null }],
  })
  const health = localReplica === 'failed' ? 'degraded' : 'syncing'
  expect(await lines()).toEqual(expect.arrayContaining([`health   ${health}`, 'disk     not served here']))
})

describe('a secondary that the claim does not list', () => {
  const lone = { vm, term: 3, holder: B, leaseMs: 1500, upToDate: { [volume]: [B] }, lockstep: null }
  const away: Partial<WorkerStatus> = {
    ...{ role: 'secondary', claim: { revision: 7, claim: lone } },
    volumes: [{ key: volume, localReplica: 'up-to-date', resync: null, verify: null, refused: null, attachedTo: null }],
  }

  test('is outdated while the other side is away', async () => {
    await worker({ ...away, peerConnected: false, degraded: 'the claim does not list this replica' })
    expect(await lines()).toEqual([
      'mirror   orders on a',
      'role     secondary',
      'health   degraded',
      'claim    held by b, term 3; up-to-date: b',
      'peer     b: not connected',
      'witness  reachable',
      'replica  file:/srv/orders.img (outdated)',
      'disk     not served here',
      '',
      'The claim does not list this replica.',
      '',
    ])
  })

  test('is not called mirrored when it is connected', async () => {
    await worker(away)
    expect(await lines()).toEqual(expect.arrayContaining(['health   syncing']))
  })

  test('says nothing of a list that may have changed', async () => {
    await worker({ ...away, claimIsCurrent: false })
    expect(await lines()).toEqual(
      expect.arrayContaining(['claim    held by b, term 3', 'replica  file:/srv/orders.img (up-to-date)']),
    )
  })
})

test.each([['status'], ['take-over'], ['stop']])('%s of a mirror that is not served', async (verb) => {
  expect(await run(verb)).toEqual({
    status: 2,
    printed: `The mirror of folder /var/lib/orders does not answer.
  why:   It is not running.
  to do: Look for its process: holdfast mirror serve --folder /var/lib/orders
  code:  HOLDFAST_MIRROR_NOT_SERVED
`,
  })
  rmSync(join(folder, 'mirror.json'))
  expect((await run(verb)).printed).toContain('No mirror was ever served from there.')
  writeFileSync(join(folder, 'mirror.json'), '{')
  expect((await run(verb)).printed).toContain('Its mirror.json cannot be read: not JSON.')
})

describe('a folder of another user', () => {
  const NOBODY = 65_534
  const isRoot = process.getuid?.() === 0
  const forbidden = async (verb: string): Promise<string> => {
    if (isRoot) process.seteuid?.(NOBODY)
    try {
      return (await run(verb)).printed
    } finally {
      if (isRoot) process.seteuid?.(0)
    }
  }
  const SAID = `The mirror of folder /var/lib/orders does not answer.
  why:   This user may not look into the folder (EACCES).
  to do: Run it as the user that serves the mirror.
  code:  HOLDFAST_MIRROR_NOT_SERVED
`

  test.each([['status'], ['take-over'], ['stop'], ['verify']])('%s', async (verb) => {
    chmodSync(folder, 0)
    expect(await forbidden(verb)).toBe(SAID)
    chmodSync(folder, 0o700)
  })

  test('whose names anybody may read, and whose socket is for its owner', async () => {
    await worker({})
    chmodSync(join(folder, '..'), 0o755)
    chmodSync(folder, 0o755)
    chmodSync(join(folder, 'mirror.json'), 0o644)
    chmodSync(join(folder, 'control.sock'), isRoot ? 0o600 : 0)
    expect(await forbidden('status')).toBe(SAID)
  })
})

test('a primary that died a moment ago is asked about again', async () => {
  await worker({ role: 'secondary' }, [
    { taken: false, why: 'holder-alive' },
    { taken: false, why: 'holder-alive' },
  ])
  expect(await run('take-over')).toEqual({
    status: 0,
    printed: 'a holds orders in term 4. The disk is served at unix:/run/orders.sock.\n',
  })
})

test('a take-over where the disk is served already tells that it is frozen', async () => {
  await worker({ frozen: true, degraded: 'neither answers' }, [{ taken: true, term: 3 }])
  expect((await run('take-over')).printed).toBe(
    'a holds orders in term 3. The disk is served at unix:/run/orders.sock. It is frozen: neither answers.\n',
  )
})

test('a refused take-over names its rule, why, and what to do', async () => {
  await worker({ role: 'secondary' }, [{ taken: false, why: 'not-up-to-date' }])
  expect(await run('take-over')).toEqual({
    status: 2,
    printed: `Mirror orders was not taken over (rule not-up-to-date).
  why:   This replica lacks acknowledged writes.
  to do: Bring the other side back: it has them. Then let the resync end.
  code:  HOLDFAST_TAKE_OVER_REFUSED
`,
  })
})

test('the timeline names the mirror and its sides', async () => {
  mkdirSync(join(folder, 'timeline'))
  const entry = {
    at: '2030-01-01T00:00:00.000Z',
    host: A,
    vm,
    act: 'claim-swapped',
    rule: 'take-over',
    text: 'Taken.',
    evidence: { term: 3 },
  }
  writeFileSync(join(folder, 'timeline', 'worker.jsonl'), `${JSON.stringify(entry)}\n`)
  expect((await run('timeline')).printed).toBe(
    '2030-01-01T00:00:00.000Z  a  orders  claim-swapped\n    Taken.\n    (rule take-over, term=3)\n',
  )
})
