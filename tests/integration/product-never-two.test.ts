/**
 * Every way to cut two hosts and the witness apart, hosts that stand still, lose power or meet a restarted witness, while a client
 * writes. After each: one holder, no acknowledged record lost, no answer of a server after a later one has answered, and both copies
 * again by themselves. `npm run soak` goes on where this ends.
 */
import { makeVm } from '../../lib/lab/demo/stage'
import type { Fault } from '../../lib/lab/faults/fault'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { Observer } from '../../lib/lab/trial/observer'
import { Trial } from '../../lib/lab/trial/trial'
import { ProductLab } from './product-lab'
import { SHORT_TIMES } from './product-scene'

jest.setTimeout(400_000)

/** Longer than suspicion, a lease and a take-over together. */
const CUT_MS = 5000

let product: ProductLab
let orders: GuestVm
let observer: Observer
let trial: Trial
beforeAll(async () => {
  product = await ProductLab.open(SHORT_TIMES)
  orders = await makeVm(product.stage)
  await product.startOn(orders.vm, 'h2')
  observer = await Observer.start(product.lab, product.folder)
  await product.moreWritten()
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'restart' })
  await product.redundant('h1', orders.vmUuid)
  trial = new Trial(product.lab, orders.vmUuid, observer)
})
afterAll(async () => {
  await observer.stop()
  await product.close()
})

const cut = (host: string, other: string, link: 'management' | 'alinks' | 'all'): Fault => ({
  ...{ kind: 'cut', host, other, link, direction: 'both' },
})
const off = (host: string): Fault => ({ kind: 'host', host, how: 'off' })
const kept = { lost: 0, servedTwice: 0, trouble: '', protectedAfterMs: expect.any(Number) as number }

const live = (name: string, faults: readonly Fault[], lastsMs = CUT_MS) => trial.live({ kind: 'faults', name, faults, lastsMs })

describe.each([
  ['management', [cut('h1', 'h2', 'management')]],
  ['the A-links', [cut('h1', 'h2', 'alinks')]],
  ['the way to the witness, at the holder', [cut('h2', 'witness', 'management')]],
  ['management and the witness, at the holder', [cut('h1', 'h2', 'management'), cut('h2', 'witness', 'management')]],
  ['the A-links and the witness, at the holder', [cut('h1', 'h2', 'alinks'), cut('h2', 'witness', 'management')]],
  ['management and the A-links', [cut('h1', 'h2', 'all')]],
] as const)('cut: %s', (name, faults) => {
  test('the VM stays where it is', async () => {
    expect(await live(name, faults)).toMatchObject({ ...kept, from: 'h2', to: 'h2' })
  })
})

test('the holder cut off from everybody: the VM moves, and the old one is ended before it is heard again', async () => {
  const outcome = await live('all at the holder', [cut('h1', 'h2', 'all'), cut('h2', 'witness', 'management')], 2 * CUT_MS)
  expect(outcome).toMatchObject({ ...kept, from: 'h2', to: 'h1' })
})

test('the witness restarts while the hosts are cut apart: the VM stays where it is', async () => {
  expect(await live('witness', [cut('h1', 'h2', 'all'), { kind: 'witness' }], 1000)).toMatchObject({
    ...kept,
    from: 'h1',
    to: 'h1',
  })
})

test('the holder stands still for 30 s and wakes: the VM has moved, and nothing of the old one is seen', async () => {
  const outcome = await live('the holder stands still', [{ kind: 'host', host: 'h1', how: 'stop' }], 30_000)
  expect(outcome).toMatchObject({ ...kept, from: 'h1', to: 'h2' })
})

test('both hosts lose power: the VM runs again, on one of them', async () => {
  expect(await live('both without power', [off('h1'), off('h2')], 1000)).toMatchObject(kept)
})

test('nothing that was ever acknowledged is missing', async () => {
  expect(await trial.readAllBack()).toMatchObject({ lost: 0, acknowledged: expect.any(Number) as number })
  expect(observer.records).toBeGreaterThan(500)
})
