/** A protected VM is moved to its other host and back while a client writes; then once more while it is halted. */
import { makeVm, until } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { Observer } from '../../lib/lab/trial/observer'
import { Trial } from '../../lib/lab/trial/trial'
import { ProductLab } from './product-lab'

jest.setTimeout(300_000)

const LIMIT_MS = 60_000

let product: ProductLab
let orders: GuestVm
let observer: Observer
let trial: Trial
beforeAll(async () => {
  product = await ProductLab.open()
  orders = await makeVm(product.stage)
  await product.startOn(orders.vm, 'h1')
  observer = await Observer.start(product.lab, product.folder)
  await product.moreWritten()
  trial = new Trial(product.lab, orders.vmUuid, observer)
})
afterAll(async () => {
  await observer.stop()
  await product.close()
})

const move = (on: string, ...words: string[]) => product.command(on, 'move', 'orders', ...words)

test('an unprotected one cannot be moved, nor to a host that nobody knows', async () => {
  expect(await move('h1', '--to', 'h2')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('It is not protected') as string,
  })
  expect(await move('h1', '--to', 'h7')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('HOLDFAST_UNKNOWN_HOST') as string,
  })
})

test('the plan is told on either host, and changes nothing', async () => {
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'restart' })
  await product.redundant('h2', orders.vmUuid)
  for (const host of ['h1', 'h2']) {
    const { exit, stdout } = await move(host, '--to', 'h2', '--dry-run')
    expect([exit, stdout]).toEqual([
      0,
      expect.stringMatching(/orders: h1 -> h2[^]*1\. shut orders down[^]*hand the claim over[^]*start orders on h2/),
    ])
  }
  expect(await product.acts('h1', orders.vmUuid)).not.toContain('move-begun')
})

describe.each([
  ['there', 'h1', 'h2'],
  ['back', 'h2', 'h1'],
])('%s', (_, from, to) => {
  test(`from ${from} to ${to}: nothing is lost, and nobody is served twice`, async () => {
    const outcome = await trial.live({ kind: 'move', name: `${from} to ${to}` })
    expect(outcome).toMatchObject({
      from,
      to,
      lost: 0,
      servedTwice: 0,
      trouble: '',
      protectedAfterMs: expect.any(Number) as number,
    })
    const acts = await product.acts(to, orders.vmUuid)
    for (const act of ['move-begun', 'claim-handed-over', 'vm-moved']) expect(acts).toContain(act)
    for (const act of ['guest-frozen', 'claim-lost', 'move-failed', 'takeover-begun']) expect(acts).not.toContain(act)
    process.stderr.write(`moved ${from} to ${to}: ${Math.round(outcome.longestGapMs)} ms without an answer\n`)
  })
})

test('where it is already nothing is done', async () => {
  expect(await move('h2', '--to', 'h1')).toMatchObject({ exit: 0, stdout: 'orders is on h1 already.\n' })
})

test('a daemon that dies in the middle costs nothing: the next one goes on', async () => {
  expect(await move('h1', '--to', 'h2', '--no-wait')).toMatchObject({ exit: 0 })
  for (const host of ['h1', 'h2']) await product.lab.fault({ kind: 'process', host, process: 'holdfastd', how: 'kill' })
  await until('it runs there', LIMIT_MS, async () => {
    const { exit, stdout } = await product.command('h2', 'status', orders.vmUuid, '--json')
    return exit === 0 && stdout.includes('"residentOn": "h2"') && stdout.includes('"holder": "h2"')
  })
  await product.moreWritten()
  await product.redundant('h2', orders.vmUuid)
})

test('a halted one changes hands, and stays down', async () => {
  await observer.stop()
  expect(await product.lab.xe(['vm-shutdown', 'vm=orders'])).toMatchObject({ exit: 0 })
  const { exit, stdout } = await move('h1', '--to', 'h1', '--json')
  expect([exit, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ from: 'h2', to: 'h1', state: 'moved' })])
  expect(await product.redundant('h2', orders.vmUuid)).toMatchObject({ holder: 'h1', powerState: 'Halted' })
})
