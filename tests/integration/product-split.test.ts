/**
 * A witness is started from an old copy of its directory, and each host serves the VM alone. Both histories are found, shown, and one of
 * them is kept, by commands of the operator alone.
 */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../lib/lab/demo/stage'
import type { Fault } from '../../lib/lab/faults/fault'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import type { SplitExports, SplitReport } from '../../lib/wire/split-report'
import { ProductLab } from './product-lab'
import { protectedOrdersOn, SHORT_TIMES } from './product-scene'

jest.setTimeout(400_000)

const LIMIT_MS = 120_000

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open(SHORT_TIMES)
  orders = await protectedOrdersOn(product, 'h1', 'restart')
  await historiesPart()
})
afterAll(() => product.close())

const served = (host: string): Promise<void> =>
  until(`${host} serves alone`, LIMIT_MS, async () => {
    const { exit, stdout } = await product.command(host, 'status', orders.vmUuid, '--json')
    if (exit !== 0 || !stdout.includes(`"residentOn": "${host}"`)) return false
    const { disks } = await product.vmStatus(host, orders.vmUuid)
    return disks.every(({ upToDate }) => upToDate.join() === host)
  })

/** h2, from everybody. */
const CUT_OFF = ['h1', 'witness'].map((other): Fault => ({
  kind: 'cut',
  host: 'h2',
  other,
  link: other === 'witness' ? 'management' : 'all',
  direction: 'both',
}))

/** As nobody should do it. */
async function historiesPart(): Promise<void> {
  const { lab } = product
  const { witness } = lab.paths
  const old = join(product.folder, 'old-copy')
  await lab.fault({ kind: 'witness' })
  cpSync(witness, old, { recursive: true })
  await lab.undo({ kind: 'witness' })
  await product.redundant('h1', orders.vmUuid)
  const told = async (): Promise<number> =>
    (await product.acts('h1', orders.vmUuid)).filter((act) => act === 'served-alone').length
  const before = await told()
  for (const fault of CUT_OFF) await lab.fault(fault)
  await served('h1')
  await product.moreWritten()
  await until('it has told so', LIMIT_MS, async () => (await told()) > before)
  await product.stopWriting()
  await lab.powerOff('h1')
  await lab.fault({ kind: 'witness' })
  rmSync(witness, { recursive: true })
  cpSync(old, witness, { recursive: true })
  await lab.undo({ kind: 'witness' })
  for (const fault of CUT_OFF) await lab.undo(fault)
  await served('h2')
  await product.startWriting()
  await product.moreWritten()
  await product.stopWriting()
  await lab.boot('h1')
}

async function split(host: string): Promise<SplitReport> {
  const { exit, stdout, stderr } = await product.command(host, 'split', 'orders', '--json')
  if (exit !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as SplitReport
}

async function refusal(host: string, ...argv: string[]): Promise<string> {
  const { exit, stderr } = await product.command(host, 'split', 'orders', ...argv)
  expect(exit).toBe(2)
  return stderr
}

test('either host tells what differs, and who served whom', async () => {
  // Until they have met, what the notes of both say is all that can be told.
  await until('the histories have met', LIMIT_MS, async () => {
    const { exit, stdout } = await product.command('h1', 'split', 'orders', '--json')
    return exit === 0 && (JSON.parse(stdout) as SplitReport).disks.every(({ comparison }) => comparison?.state === 'done')
  })
  for (const host of ['h1', 'h2']) {
    const report = await split(host)
    expect(report).toMatchObject({ holder: 'h2', disks: [{ rule: 'both-wrote-since', refused: 'h1' }] })
    const [disk] = report.disks
    expect(disk?.histories.map(({ host: of }) => of)).toEqual(['h2', 'h1'])
    expect(new Set(disk?.histories.map(({ parted }) => parted)).size).toBe(1)
    expect(disk?.comparison).toMatchObject({ state: 'done' })
    expect(disk?.comparison?.differingBytes).toBeGreaterThan(0)
    const writers = new Set(disk?.comparison?.ranges.flatMap(({ by }) => by))
    if (writers.size !== 2) throw new Error(`of one of them nothing is told: ${JSON.stringify(disk)}`)
    expect(report.served.map(({ host: of }) => of)).toEqual(expect.arrayContaining(['h1', 'h2']))
    expect(report.claims).toEqual([expect.objectContaining({ host: 'h2', rule: 'take-over' })])
  }
  const { stdout } = await product.command('h1', 'split', 'orders')
  expect(stdout).toContain('two histories. h2 holds the claim')
})

test('either side is copied away while the VM runs', async () => {
  const { stdout } = await product.command('h2', 'split', 'orders', '--export', 'h1', '--json')
  const { host, disks } = JSON.parse(stdout) as SplitExports
  expect({ host, disks: disks.length }).toEqual({ host: 'h1', disks: 1 })
  const uri = `nbd+unix:///${disks[0]?.exportName ?? ''}?socket=${disks[0]?.socket ?? ''}`
  const compare = `qemu-img compare -f raw -F raw "${uri}" "$(find /srv/holdfast -name disk.raw)"`
  expect(await product.lab.exec('h1', ['sh', '-c', compare])).toMatchObject({ exit: 0 })
  expect(await refusal('h1', '--keep', 'h2', '--yes')).toContain('is being exported')
  expect(await product.command('h1', 'split', 'orders', '--export', 'h1', '--end')).toMatchObject({ exit: 0 })
  expect((await product.lab.exec('h1', ['sh', '-c', compare])).exit).not.toBe(0)
})

test('what makes no sense is refused, and nothing is lost by asking', async () => {
  expect(await refusal('h1', '--keep', 'h9', '--yes')).toContain('keeps no replica')
  expect(await refusal('h1', '--export', 'h9')).toContain('keeps no replica')
  expect(await refusal('h1', '--export', 'h2', '--disk', '7')).toContain('has no disk "7"')
  expect(await refusal('h2', '--keep', 'h1', '--yes')).toContain('not halted')
  expect(await refusal('h2', '--keep', 'h2')).toContain('--keep h2 --yes')
  expect((await split('h1')).state).toBe('split')
})

test('the history of the host that serves is kept, the other one aside, and both are one again', async () => {
  const { exit, stdout, stderr } = await product.command('h1', 'split', 'orders', '--keep', 'h2', '--yes')
  expect({ exit, stderr: stderr.replace(/copying aside.*\n/g, '') }).toEqual({ exit: 0, stderr: '' })
  const folder = /h1:(\S+)/.exec(stdout)?.[1] ?? ''
  expect(await product.lab.exec('h1', ['sh', '-c', `cmp -n 1024 ${folder}/disk.raw ${folder}/../disk.raw`])).toMatchObject({
    exit: 0,
  })
  expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ holder: 'h2', residentOn: 'h2' })
  expect((await split('h2')).state).toBe('none')
  expect(await product.acts('h2', orders.vmUuid)).toEqual(
    expect.arrayContaining(['replica-refused', 'split-chosen', 'split-exported']),
  )
  const verified = await product.command('h1', 'verify', 'orders')
  expect(verified).toMatchObject({ exit: 0, stdout: 'orders: both replicas hold the same.\n' })
})
