import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lockDirectory } from '../../lib/dom0/system/directory-lock'
import { Authority } from './certificates'
import { DiskWriter } from './disk-writer'
import { MirrorPair } from './mirror-pair'
import { gone, type MirrorSide } from './mirror-side'
import { run } from './run-client'
import { eventually } from './worker-host'

jest.setTimeout(120_000)

const HALF = 12 * 1024 * 1024
let pair: MirrorPair
let writers: DiskWriter[] = []
beforeEach(() => (writers = []))
afterEach(async () => {
  for (const writer of writers) await writer.close()
  await pair.close()
})

function writer(side: MirrorSide, part: 0 | 1, seed: number): DiskWriter {
  const made = new DiskWriter({ socket: side.socket, exportName: 'orders', offset: part * HALF, length: HALF, seed })
  writers.push(made)
  return made
}

test('a first start, as an operator sees it', async () => {
  pair = new MirrorPair()
  await pair.startWitness()
  pair.b.start()
  await pair.b.until('no claim yet', ({ claim }) => claim === null)
  expect((await pair.b.run('status')).out).toContain('role     not known yet\n')
  pair.a.start('--create')
  await pair.untilMirrored(pair.a)
  await pair.a.untilServed()
  const uri = `nbd+unix:///orders?socket=${pair.a.socket}`
  const asked = ['write -P 7 1M 64k', 'flush', 'read -P 7 1M 64k'].flatMap((command) => ['-c', command])
  expect(await run('qemu-io', '-f', 'raw', uri, ...asked)).toMatchObject({ status: 0 })
  pair.expectSameBytes()
  expect(existsSync(pair.b.socket)).toBe(false)
  expect((await pair.a.run('status')).out.split('\n')).toEqual([
    'mirror   orders on a',
    'role     primary',
    'health   mirrored',
    'claim    held by a, term 1; up-to-date: a, b',
    'peer     b: connected',
    'witness  reachable',
    `replica  file:${pair.a.image} (up-to-date)`,
    `disk     served at unix:${pair.a.socket}`,
    '',
  ])
  expect((await pair.b.run('status')).out.split('\n')).toEqual([
    'mirror   orders on b',
    'role     secondary',
    'health   mirrored',
    'claim    held by a, term 1; up-to-date: a, b',
    'peer     a: connected',
    'witness  reachable',
    `replica  file:${pair.b.image} (up-to-date)`,
    'disk     not served here',
    '',
  ])
  expect(JSON.parse((await pair.a.run('status', '--json')).out)).toMatchObject({
    ...{ name: 'orders', host: 'a', peer: 'b', worker: { role: 'primary', degraded: '' } },
  })
})

test('seed 61: the worker of either side is killed under writes: the client goes on', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  const both = [writer(pair.a, 0, 61), writer(pair.a, 1, 62)]
  for (const each of both) each.begin()
  for (const side of [pair.a, pair.b, pair.a, pair.a, pair.b]) {
    await Promise.all(both.map((each) => each.more(20)))
    await side.killWorker()
  }
  await Promise.all(both.map((each) => each.more(20)))
  await pair.untilMirrored(pair.a)
  await Promise.all(both.map((each) => each.stop()))
  for (const each of both) each.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
})

test('seed 63: the primary is killed under writes and taken over by hand; it returns as secondary', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  const lost = writer(pair.a, 0, 63)
  lost.begin()
  await lost.more(50)
  await pair.a.kill()
  const taken = await pair.b.run('take-over')
  expect(taken).toEqual({ status: 0, err: '', out: `b holds orders in term 2. The disk is served at unix:${pair.b.socket}.\n` })
  lost.check(readFileSync(pair.b.image))
  const heir = writer(pair.b, 1, 64)
  heir.begin()
  await heir.more(20)

  expect(existsSync(pair.a.socket)).toBe(true)
  pair.a.start()
  await pair.a.until('the old primary is secondary', ({ role, claim }) => role === 'secondary' && claim?.claim.term === 2)
  expect(existsSync(pair.a.socket)).toBe(false)
  await pair.untilMirrored(pair.b)
  await heir.more(20)
  await heir.stop()
  heir.check(readFileSync(pair.a.image))
  pair.expectSameBytes()
})

test('who missed writes says so when it is back alone, and its take-over is refused', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  await pair.b.kill()
  const alone = writer(pair.a, 0, 69)
  alone.begin()
  await alone.more(20)
  await alone.stop()
  await pair.a.kill()
  pair.b.start()
  await pair.b.until('it has read the claim', ({ claimIsCurrent }) => claimIsCurrent)
  const { out } = await pair.b.run('status')
  expect(out).toMatch(/role {5}secondary\nhealth {3}degraded\nclaim {4}held by a, term 1; up-to-date: a\n/)
  expect(out).toMatch(/replica {2}file:.*b\.img \(outdated\)\n/)
  expect(out.replaceAll('\n', ' ')).toContain('The primary is not connected, and the claim does not list this replica: it lacks')
  expect(await pair.b.run('take-over')).toMatchObject({
    status: 2,
    err: expect.stringContaining('(rule not-up-to-date)') as string,
  })
})

test('a planned move: refused while the primary serves, done when it was stopped', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  const refused = await pair.b.run('take-over')
  expect(refused).toMatchObject({ status: 2, out: '' })
  expect(refused.err).toMatch(/^Mirror orders was not taken over \(rule holder-alive\)\.\n {2}why: {3}The other side is alive/)
  expect(refused.err).toMatch(/to do: To move the disk, stop it there first: holdfast mirror stop/)

  expect(await pair.a.run('stop')).toMatchObject({ status: 0, out: 'orders is no longer served on a.\n' })
  const lock = lockDirectory(pair.a.folder)
  expect(lock).toMatchObject({ release: expect.any(Function) as unknown })
  if ('release' in lock) lock.release()
  expect(await pair.a.serve.ended).toBe(0)
  expect(existsSync(pair.a.socket)).toBe(false)
  expect(await pair.b.run('take-over', '--json')).toMatchObject({
    status: 0,
    out: '{\n  "taken": true,\n  "term": 2,\n  "rule": "take-over"\n}\n',
  })
  expect(await pair.b.run('take-over')).toMatchObject({ status: 0 })
  pair.a.start()
  await pair.untilMirrored(pair.b)
})

test('what serves a disk does not outlive its `mirror serve`', async () => {
  pair = await MirrorPair.mirrored()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    await pair.a.untilServed()
    const worker = pair.a.workerPid ?? 0
    expect(await pair.a.serve.kill(signal)).toBe(signal === 'SIGKILL' ? signal : 0)
    await gone(worker)
    expect((await pair.a.run('status')).err).toContain('It is not running.')
    pair.a.start()
  }
  await pair.untilMirrored(pair.a)
})

test('a mirror of one: no peer, no witness, no key; what was there is kept', async () => {
  pair = new MirrorPair()
  writeFileSync(pair.a.image, Buffer.alloc(2 ** 20, 9))
  const { name, folder, image, socket } = pair.a
  const alone = ['--name', 'scratch', '--host', name, '--folder', folder, '--replica', `file:${image}`, '--witness', 'none']
  expect(await pair.a.pairRun(['serve', ...alone, '--listen', `unix:${socket}`])).toMatchObject({
    status: 2,
    err: expect.stringContaining('Use --create once: what it holds is kept.') as string,
  })
  for (const more of [['--create'], []]) {
    pair.a.startAs([...alone, '--listen', `unix:${socket}`, ...more])
    await pair.a.untilServed()
    const read = await run('qemu-io', '-f', 'raw', `nbd+unix:///?socket=${socket}`, '-c', 'read -P 9 0 1M')
    expect(read).toMatchObject({ status: 0, output: expect.not.stringContaining('failed') as string })
    const shown = await pair.a.run('status')
    expect(shown.out).toContain('role     a mirror of one\nhealth   one copy\nreplica ')
    expect(await pair.a.serve.kill('SIGTERM')).toBe(0)
  }
})

test('a worker that dies at its start again and again is held back, and helped when it can be', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  chmodSync(pair.keyFile, 0o644)
  await pair.a.killWorker()
  await eventually('longer and longer pauses', () => Promise.resolve(pausesOf(pair.a).at(-1) === 0.4 ? true : null))
  expect(pausesOf(pair.a)).toEqual([0, 0, 0, 0.1, 0.2, 0.4])
  chmodSync(pair.keyFile, 0o600)
  await pair.a.untilServed()
  await pair.untilMirrored(pair.a)
})

const pausesOf = (side: MirrorSide): number[] =>
  [...side.serve.log().matchAll(/minder .*: the worker ended \(status \d+\) and is started again after ([\d.]+) s$/gm)].map(
    (match) => Number(match[1]),
  )

test('fio writes and verifies through the primary while the other side comes and goes', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  const uri = `nbd+unix:///orders?socket=${pair.a.socket}`
  const job = [
    '--ioengine=nbd',
    `--uri=${uri}`,
    '--rw=randwrite',
    '--bs=4k',
    '--iodepth=8',
    '--size=8m',
    '--verify=crc32c',
    '--verify_state_save=0',
  ]
  const working = run('fio', '--name=orders', ...job, '--randseed=65', '--do_verify=1', '--end_fsync=1')
  await pair.b.kill()
  pair.b.start()
  expect(await working).toMatchObject({ status: 0, output: expect.stringContaining('err= 0') as string })
  await pair.untilMirrored(pair.a)
  pair.expectSameBytes()
})

test('a disk on TCP is served to clients with a certificate, and to nobody else', async () => {
  pair = new MirrorPair()
  const authority = new Authority(join(pair.folder, 'authority'))
  const [server, client] = [authority.server(), authority.client()]
  const { name, folder, image } = pair.a
  const alone = ['--name', 'scratch', '--host', name, '--folder', folder, '--replica', `file:${image}`, '--witness', 'none']
  const start = (tls: string): string[] => [...alone, '--size', '8M', '--listen', `tcp:${pair.net}.30:10809`, '--tls', tls]
  expect(await pair.a.pairRun(['serve', ...start(client), '--create'])).toMatchObject({
    status: 2,
    err: expect.stringMatching(/--tls[^]*server-cert\.pem[^]*as for QEMU/) as string,
  })
  pair.a.startAs([...start(server), '--create'])
  await pair.a.until('the disk is served', ({ volumes }) => volumes[0]?.attachedTo === '0')
  const place = `driver=nbd,server.type=inet,server.host=${pair.net}.30,server.port=10809,export=scratch`
  const read = (options: string, ...more: string[]) =>
    run('qemu-io', ...more, '--image-opts', `${place}${options}`, '-c', 'write -P 5 0 64k', '-c', 'read -P 5 0 64k')
  const credentials = `tls-creds-x509,id=known,endpoint=client,dir=${client},verify-peer=yes`
  const known = await read(',tls-creds=known,tls-hostname=disk.example', '--object', credentials)
  expect(known).toMatchObject({ status: 0, output: expect.stringContaining('read 65536/65536') as string })
  expect((await read('')).status).not.toBe(0)
})

test('seed 68: the witness lost its directory: begun anew from the side that was primary last', async () => {
  pair = await MirrorPair.mirrored()
  await pair.a.untilServed()
  const before = writer(pair.a, 0, 68)
  before.begin()
  await before.more(50)
  await before.stop()
  await Promise.all([pair.a.kill(), pair.b.kill(), pair.killWitness()])
  rmSync(join(pair.folder, 'witness'), { recursive: true })
  await pair.begin()
  expect((await pair.a.run('status')).out).toMatch(/health {3}mirrored\nclaim {4}held by a, term 2; up-to-date: a, b\n/)
  before.check(readFileSync(pair.b.image))
  pair.expectSameBytes()
})
