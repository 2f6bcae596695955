/**
 * A host that cannot be told anything any more stops its own guests: its watchdog when the worker and the daemon stand still, and the
 * watchdog of its hardware when all of it does. The VM runs on the other host, and comes back to two copies by itself.
 */
import { join } from 'node:path'
import { until } from '../../lib/lab/demo/stage'
import type { Fault } from '../../lib/lab/faults/fault'
import { labWatchdog } from '../../lib/lab/rack/host-watchdog'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import type { TimelineEntry } from '../../lib/core/domain/timeline'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import { ProductLab } from './product-lab'
import { protectedOrdersOn, SHORT_TIMES } from './product-scene'

jest.setTimeout(400_000)

const LIMIT_MS = 120_000
/** Longer than any pause of a busy machine of tests. */
const WATCHDOG_SECONDS = 10

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open(SHORT_TIMES, { config: { hostWatchdog: labWatchdog(WATCHDOG_SECONDS) } })
  orders = await protectedOrdersOn(product, 'h2', 'restart')
})
afterAll(() => product.close())

/** All that a host has written down, read from outside: it may not be able to answer. */
const entries = (host: string): readonly TimelineEntry[] =>
  readTimeline(join(product.lab.dir, 'hosts', host, 'root/var/lib/holdfast/timeline')).filter(({ vm }) => vm === orders.vmUuid)
const atOf = (host: string, act: string): string | undefined => entries(host).findLast((entry) => entry.act === act)?.at
const happens = (host: string, act: string): Promise<void> =>
  until(`${act} on ${host}`, LIMIT_MS, () => Promise.resolve(atOf(host, act) !== undefined))

const initPid = async (host: string): Promise<number | null | undefined> =>
  (await product.lab.status()).hosts.find(({ name }) => name === host)?.initPid

async function allIsWell(where: string): Promise<void> {
  await product.moreWritten()
  expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ residentOn: where, powerState: 'Running' })
  await product.stopWriting()
  expect(await product.verified()).toMatchObject({ missing: [], different: [] })
  await product.startWriting()
}

test('worker and daemon of the holder stand still, cut off from all: the watchdog pauses the guest before the other host starts it', async () => {
  const cuts: Fault[] = ['h1', 'witness'].map((other) => ({ kind: 'cut', host: 'h2', other, link: 'all', direction: 'both' }))
  const stops: Fault[] = ['holdfast-worker', 'holdfastd'].map((process) => ({
    kind: 'process',
    host: 'h2',
    process,
    how: 'stop',
  }))
  for (const fault of [...stops, ...cuts]) await product.lab.fault(fault)
  await happens('h1', 'vm-restarted')
  expect(entries('h2').filter(({ act, rule }) => act === 'guest-paused' && rule === 'lease-over')).toHaveLength(1)
  expect(atOf('h2', 'guest-paused')?.localeCompare(atOf('h1', 'vm-restarted') ?? '')).toBe(-1)
  // The worker does not come back by itself: the watchdog ends it, and the next one finds out whose the claim is.
  await happens('h2', 'worker-killed')
  for (const fault of cuts) await product.lab.undo(fault)
  await product.lab.undo({ kind: 'process', host: 'h2', process: 'holdfastd', how: 'stop' })
  await happens('h2', 'claim-lost')
  await allIsWell('h1')
})

test("all of the holder's host stands still: its hardware's watchdog resets it, and the VM runs on the other one", async () => {
  const before = await initPid('h1')
  await product.lab.fault({ kind: 'host', host: 'h1', how: 'stop' })
  await until('h1 is reset', LIMIT_MS, async () => {
    const now = await initPid('h1')
    return now !== null && now !== undefined && now !== before
  })
  await until('the VM runs on h2', LIMIT_MS, async () => (await product.vmStatus('h2', orders.vmUuid)).residentOn === 'h2')
  await allIsWell('h2')
})
