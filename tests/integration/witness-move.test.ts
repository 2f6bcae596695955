import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { WitnessPort } from '../../lib/ports/witness'
import { WitnessUnreachable } from '../../lib/ports/witness'
import { A, B, claimBy } from '../contracts/witness-port'
import { eventually } from './worker-host'
import { Holder } from './witness-holder'
import { WitnessBench } from './witness-process'

jest.setTimeout(120_000)

let bench: WitnessBench
let file = ''
let there = ''
beforeEach(() => {
  bench = new WitnessBench()
  file = join(bench.folder, 'claims.moved')
  there = join(bench.folder, 'there')
})
afterEach(() => bench.close())

/** Exit code, and what was said. */
async function run(...args: string[]): Promise<{ code: number | string; said: string }> {
  const witness = bench.launch(args)
  const code = await witness.ended
  return { code, said: witness.output }
}

/** Changes its claim until `isOver`, over any silence of the witness, and looks after each that nothing promised was lost. */
async function holdOn(holder: Holder, client: WitnessPort, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    try {
      await holder.check(client)
      while (!isOver()) await holder.change(client)
    } catch (error) {
      if (!(error instanceof WitnessUnreachable)) throw error
    }
  }
}

const promisesOf = (holders: readonly Holder[]): number => holders.reduce((sum, { promises }) => sum + promises, 0)
const more = (holders: readonly Holder[], count: number): Promise<unknown> => {
  const enough = promisesOf(holders) + count
  return eventually(`${count} more changes`, () => Promise.resolve(promisesOf(holders) >= enough || null))
}

test('moved under writing holders: nothing promised is lost, they go on, and the old directory never serves again', async () => {
  const old = await bench.serving()
  const client = bench.connect(old.port, bench.key, 1000)
  const silent = claimBy(A)
  const first = await client.compareAndSwap(0, silent)
  if (!first.stored) throw new Error(first.why)
  const holders = Array.from({ length: 8 }, () => new Holder())
  let isOver = false
  const holding = Promise.all(holders.map((holder) => holdOn(holder, client, () => isOver)))
  await more(holders, 50)

  const refused = await run('hand-over', '--data', bench.data, file)
  expect(refused).toMatchObject({ code: 73, said: expect.stringContaining('used by another witness') as string })
  expect(await old.kill('SIGTERM')).toBe(0)
  const handed = await run('hand-over', '--data', bench.data, file)
  expect(handed).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^.*9 claims of witness \S+ in .*never serves again/s) as string,
  })
  const again = await run('--listen', `127.0.0.1:${old.port}`, '--data', bench.data, '--key', bench.keyFile)
  expect(again).toMatchObject({
    code: 73,
    said: expect.stringMatching(/handed over on \d{4}-\d\d-\d\dT.* to .*claims\.moved/) as string,
  })

  const adopted = await run('adopt', '--data', there, file)
  expect(adopted).toMatchObject({ code: 0, said: expect.stringContaining('9 claims of witness') as string })
  await bench.serving(old.port, undefined, there)
  await more(holders, 50)
  isOver = true
  await holding
  for (const holder of holders) await holder.check(client)
  const taking = await client.compareAndSwap(first.revision, { ...silent, holder: B, term: 2 }, { requireLeaseOver: true })
  expect(taking).toMatchObject({ stored: false, why: 'lease', current: { revision: first.revision } })
})

describe('a move that goes wrong', () => {
  /** A stopped witness with some claims. */
  async function stopped(): Promise<void> {
    const witness = await bench.serving()
    const client = bench.connect(witness.port)
    for (let nth = 0; nth < 3; nth += 1) await client.compareAndSwap(0, claimBy(A))
    await witness.kill('SIGTERM')
  }

  test('a file that cannot be written seals nothing; a file that is there is left alone', async () => {
    await stopped()
    expect((await run('hand-over', '--data', bench.data, '/nowhere/claims')).said).toContain('/nowhere/claims cannot be written')
    writeFileSync(file, 'mine')
    expect(await run('hand-over', '--data', bench.data, file)).toMatchObject({ code: 73 })
    expect(readFileSync(file, 'utf8')).toBe('mine')
    await bench.serving()
  })

  test('handed over twice, the same is in both files', async () => {
    await stopped()
    await run('hand-over', '--data', bench.data, file)
    expect(await run('hand-over', '--data', bench.data, `${file}.2`)).toMatchObject({ code: 0 })
    expect(readFileSync(`${file}.2`)).toEqual(readFileSync(file))
  })

  test('a directory that holds nothing is neither made nor sealed', async () => {
    const none = join(bench.folder, 'none')
    expect(await run('hand-over', '--data', none, file)).toMatchObject({
      code: 73,
      said: expect.stringContaining('holds no claims') as string,
    })
    expect([none, file].filter(existsSync)).toEqual([])
  })

  test('what was cut short or changed on its way is refused, whatever is missing', async () => {
    await stopped()
    await run('hand-over', '--data', bench.data, file)
    const bytes = readFileSync(file)
    const lines = bytes.toString().split('\n')
    const flipped = Buffer.from(bytes)
    flipped.writeUInt8(flipped.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1)
    const broken = {
      empty: '',
      'one byte short': bytes.subarray(0, -1),
      'one line short': `${lines.slice(0, -2).join('\n')}\n`,
      'one line out': lines.filter((_, nth) => nth !== 2).join('\n'),
      'one byte changed': flipped,
      'more behind it': Buffer.concat([bytes, Buffer.from('\n')]),
      'a log': readFileSync(join(bench.data, 'claims.log')),
    }
    for (const [what, content] of Object.entries(broken)) {
      writeFileSync(`${file}.broken`, content)
      const { code, said } = await run('adopt', '--data', there, `${file}.broken`)
      expect({ what, code, said }).toEqual({ what, code: 65, said: expect.stringContaining('Copy it again') as string })
    }
    expect(await run('adopt', '--data', there, file)).toMatchObject({ code: 0 })
  })

  test('nothing is adopted over claims that are there, nor into what was handed over', async () => {
    await stopped()
    await run('hand-over', '--data', bench.data, file)
    expect(await run('adopt', '--data', bench.data, file)).toMatchObject({
      code: 73,
      said: expect.stringContaining('handed over') as string,
    })
    await run('adopt', '--data', there, file)
    const twice = await run('adopt', '--data', there, file)
    expect(twice).toMatchObject({ code: 73, said: expect.stringContaining('holds the claims of a witness already') as string })
    mkdirSync(join(bench.folder, 'elsewhere'))
    copyFileSync(file, join(bench.folder, 'elsewhere', 'f'))
    expect(await run('adopt', '--data', join(bench.folder, 'elsewhere'), join(bench.folder, 'nothing'))).toMatchObject({
      code: 73,
    })
  })

  test.each([[['hand-over']], [['hand-over', 'x']], [['adopt', '--data', 'x']], [['adopt', '--data', 'x', 'y', 'z']]])(
    'words that are not understood: %j',
    async (words) => {
      const { code, said } = await run(...words)
      expect(code).toBe(64)
      expect(said).toMatch(/^error: /)
    },
  )
})
