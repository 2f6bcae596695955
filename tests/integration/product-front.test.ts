/** Where disk clients cannot reconnect: a running VM behind a front is protected, and its worker killed again and again. */
import { until } from '../../lib/lab/demo/stage'
import { GUEST_READY } from '../../lib/lab/guest/boot'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { ProductLab } from './product-lab'
import { ordersOn } from './product-scene'

jest.setTimeout(300_000)

const LIMIT_MS = 60_000
const CONFIG = '/etc/holdfast/config.json'
const FRONTS = '/run/holdfast/fronts'
const KILLS = 5

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open()
  for (const host of ['h1', 'h2']) await useFronts(host)
  orders = await ordersOn(product, 'h1')
})
afterAll(() => product.close())

/** The daemon reads it when it starts. */
async function useFronts(host: string): Promise<void> {
  const edited = await product.lab.exec(host, ['sed', '-i', 's/"diskClients": *"reconnect"/"diskClients": "front"/', CONFIG])
  expect(edited).toMatchObject({ exit: 0 })
  expect((await product.lab.exec(host, ['cat', CONFIG])).stdout).toContain('"diskClients": "front"')
  const before = await product.pids(host, 'holdfastd')
  await product.lab.fault({ kind: 'process', host, process: 'holdfastd', how: 'kill' })
  await until('another daemon answers', LIMIT_MS, async () => {
    const now = await product.pids(host, 'holdfastd')
    return now.length === 1 && now[0] !== before[0] && (await product.command(host, 'version')).exit === 0
  })
}

async function killWorker(host: string): Promise<void> {
  const before = await product.pids(host, 'holdfast-worker')
  expect(before).toHaveLength(1)
  await product.lab.fault({ kind: 'process', host, process: 'holdfast-worker', how: 'kill' })
  await until('another worker runs', LIMIT_MS, async () => {
    const now = await product.pids(host, 'holdfast-worker')
    return now.length === 1 && now[0] !== before[0]
  })
}

/** What the fronts of a host have written. */
const frontLog = async (host: string): Promise<string> =>
  (await product.lab.exec(host, ['sh', '-c', `cat ${FRONTS}/*.log`])).stdout

test("protected, and every death of a worker is the worker's own affair", async () => {
  expect(await product.pids('h1', 'holdfast-front')).toHaveLength(1)
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
  await product.redundant('h1', orders.vmUuid)
  const fronts = await product.pids('h1', 'holdfast-front')
  for (let kill = 0; kill < KILLS; kill += 1) {
    await killWorker('h1')
    await product.moreWritten()
  }
  expect(await product.pids('h1', 'holdfast-front')).toEqual(fronts)
  // The guest's connection is the one that it was started with.
  const log = await frontLog('h1')
  const served = [...log.matchAll(/front: a worker serves .*"client":(\d+)/g)].map(([, client]) => client ?? '')
  const [guest = ''] = served
  expect(served).toEqual(Array<string>(KILLS + 1).fill(guest))
  expect(log).not.toMatch(new RegExp(`front: client ended .*"client":${guest},`))
  const restarts = async (): Promise<number> =>
    (await product.acts('h1', orders.vmUuid)).filter((act) => act === 'worker-restarted').length
  await until('each restart is told', LIMIT_MS, async () => (await restarts()) >= KILLS)
  const acts = await product.acts('h1', orders.vmUuid)
  for (const act of ['replica-failed', 'start-called', 'claim-lost']) expect(acts).not.toContain(act)
  await killWorker('h2')
  await product.moreWritten()
  expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ holder: 'h1', term: 1, powerState: 'Running' })
})

test('nothing that the guest acknowledged is missing, and the guest saw no error', async () => {
  await product.stopWriting()
  expect(await product.verified()).toMatchObject({ missing: [], different: [] })
  const seen = await product.lab.exec('h1', ['sh', '-c', 'cat $(find / -xdev -name console.log 2>/dev/null)'])
  expect(seen.stdout).toContain(GUEST_READY)
  expect(seen.stdout).not.toMatch(/I\/O error|Buffer I\/O|EXT4-fs error|Remounting/i)
})
