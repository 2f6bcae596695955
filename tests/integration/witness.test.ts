import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import type { StoredClaim } from '../../lib/core/domain/claim'
import { WitnessUnreachable } from '../../lib/ports/witness'
import { A, B, claimBy, freshVm } from '../contracts/witness-port'
import { Dice } from '../world/prng'
import { Holder } from './witness-holder'
import { WitnessBench } from './witness-process'

jest.setTimeout(120_000)

let bench: WitnessBench
beforeEach(() => (bench = new WitnessBench()))
afterEach(() => bench.close())

test('seed 1: killed in the middle of writing, ten times, nothing that was answered is lost', async () => {
  const dice = new Dice(1)
  const holders = Array.from({ length: 8 }, () => new Holder())
  let witness = await bench.serving()
  for (let round = 0; round < 10; round += 1) {
    const client = bench.connect(witness.port)
    await Promise.all(holders.map((holder) => holder.check(client)))
    const before = holders.reduce((sum, { promises }) => sum + promises, 0)
    const changing = holders.map((holder) => holder.changeUntilGone(client))
    const enough = before + 20 + dice.below(200)
    while (holders.reduce((sum, { promises }) => sum + promises, 0) < enough)
      await new Promise((resolve) => setImmediate(resolve))
    expect(await witness.kill('SIGKILL')).toBe('SIGKILL')
    await Promise.all(changing)
    client.close()
    witness = await bench.serving(witness.port)
  }
  const client = bench.connect(witness.port)
  for (const holder of holders) await holder.check(client)
  expect(holders.reduce((sum, { promises }) => sum + promises, 0)).toBeGreaterThan(200)
})

test('after a restart every holder counts as heard just now', async () => {
  const before = await bench.serving()
  const claim = claimBy(A)
  const stored = await bench.connect(before.port).compareAndSwap(0, claim)
  await before.kill('SIGKILL')
  const after = await bench.serving()
  const taking = await bench
    .connect(after.port)
    .compareAndSwap(stored.stored ? stored.revision : 0, { ...claim, holder: B, term: 2 }, { requireLeaseOver: true })
  expect(taking).toMatchObject({ stored: false, why: 'lease', current: { claim } })
})

test('two hosts race for a claim fifty times: one wins each time', async () => {
  const { port } = await bench.serving()
  const [one, other] = [bench.connect(port), bench.connect(port)]
  const wins = [0, 0]
  for (let round = 0; round < 50; round += 1) {
    const vm = freshVm()
    const answers = await Promise.all([one.compareAndSwap(0, claimBy(A, { vm })), other.compareAndSwap(0, claimBy(B, { vm }))])
    const [winner] = answers.flatMap(({ stored }, index) => (stored ? [index] : []))
    expect(answers.filter(({ stored }) => stored)).toHaveLength(1)
    expect((await one.read(vm))?.claim.holder).toBe(winner === 0 ? A : B)
    if (winner !== undefined) wins[winner] = (wins[winner] ?? 0) + 1
  }
  expect((wins[0] ?? 0) + (wins[1] ?? 0)).toBe(50)
})

test('seed 2: a wrong key is refused, garbage is endured, and the others are served', async () => {
  const witness = await bench.serving()
  const dice = new Dice(2)
  for (let nth = 0; nth < 20; nth += 1) {
    const socket = connect(witness.port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.end(dice.bytes(dice.below(3000)))
    await new Promise((resolve) => socket.resume().once('close', resolve))
  }
  const stranger = bench.connect(witness.port, Buffer.alloc(32, 1), 1000)
  await expect(stranger.read(freshVm())).rejects.toBeInstanceOf(WitnessUnreachable)
  expect(await bench.connect(witness.port).read(freshVm())).toBeNull()
  expect(witness.output).toContain('refused a connection without the key of its pool')
})

test('on a full disk new claims are refused by name, old ones are kept and still renewed', async () => {
  const witness = await bench.serving(0, 8)
  const client = bench.connect(witness.port)
  const kept: StoredClaim[] = []
  let refused: string | null = null
  while (refused === null) {
    const claim = claimBy(A)
    const answer = await client.compareAndSwap(0, claim)
    if (answer.stored) kept.push({ revision: answer.revision, claim })
    else refused = answer.why
  }
  expect({ refused, some: kept.length > 5 }).toEqual({ refused: 'full', some: true })
  const [first] = kept
  if (first === undefined) throw new Error('nothing was stored')
  const changed = { ...first.claim, leaseMs: 70_000 }
  expect(await client.compareAndSwap(first.revision, changed)).toMatchObject({ why: 'full', current: first })
  expect(await client.renew(first.claim.vm, 1, A)).toEqual({ renewed: true })
  for (const stored of kept) expect(await client.read(stored.claim.vm)).toEqual(stored)
  expect(witness.output).toContain('no room to store a claim')

  expect(await witness.kill('SIGTERM')).toBe(0)
  const roomy = bench.connect((await bench.serving()).port)
  for (const stored of kept) expect(await roomy.read(stored.claim.vm)).toEqual(stored)
  expect(await roomy.compareAndSwap(first.revision, changed)).toMatchObject({ stored: true })
})

describe('one clear line and an exit code', () => {
  const ends = async (args: readonly string[], code: number, text: RegExp) => {
    const witness = bench.launch(args)
    expect(await witness.ended).toBe(code)
    const errors = witness.output.split('\n').filter((line) => line.includes('ERROR'))
    expect(errors).toEqual([expect.stringMatching(text)])
    expect(witness.output).not.toMatch(/^\s+at /m)
  }

  test('directory in use, port taken, and a clean stop that frees both', async () => {
    const witness = await bench.serving()
    const key = ['--key', bench.keyFile]
    await ends(['--listen', '127.0.0.1:0', '--data', bench.data, ...key], 73, /used by another witness \(process \d+\)/)
    const elsewhere = ['--data', join(bench.folder, 'elsewhere'), ...key]
    await ends(['--listen', `127.0.0.1:${witness.port}`, ...elsewhere], 69, /cannot listen on .*EADDRINUSE/)
    expect(await witness.kill('SIGTERM')).toBe(0)
    await bench.serving(witness.port)
  })

  test('unusable directory, damaged log, missing key, nonsense address', async () => {
    const key = ['--key', bench.keyFile]
    const plain = join(bench.folder, 'plain')
    writeFileSync(plain, '')
    await ends(['--data', plain, ...key], 73, /cannot hold the claims/)
    const damaged = join(bench.folder, 'damaged')
    mkdirSync(damaged)
    writeFileSync(join(damaged, 'claims.log'), 'one\ntwo\nthree\n')
    await ends(['--data', '/proc/holdfast/data', ...key], 73, /cannot hold the claims: ENOENT/)
    await ends(['--data', damaged, ...key], 65, /claims\.log: line 1.*damaged.*Restore it/)
    expect(readFileSync(join(damaged, 'claims.log'), 'utf8')).toBe('one\ntwo\nthree\n')
    await ends(['--data', bench.data, '--key', join(bench.folder, 'none')], 64, /cannot be read/)

    await ends(['--data', bench.data, '--listen', 'nowhere', ...key], 64, /not host:port/)
  })

  test.each([[[]], [['--data']], [['--data', 'x', '--frobnicate']], [['--data', 'x', 'superfluous']]])(
    'words that are not understood: %j',
    async (words) => {
      const witness = bench.launch(words)
      expect(await witness.ended).toBe(64)
      expect(witness.output).toMatch(/^error: /)
      expect(await bench.launch(['--help']).ended).toBe(0)
    },
  )
})
