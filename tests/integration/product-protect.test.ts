/** A running VM is protected, watched, unprotected and protected again, and neither a daemon's death nor any of this stops its writes. */
import { until } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { ProductLab } from './product-lab'
import { ordersOn } from './product-scene'

jest.setTimeout(300_000)

const LIMIT_MS = 30_000

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open()
  orders = await ordersOn(product, 'h1')
})
afterAll(() => product.close())

describe('a running VM', () => {
  test('has a plan that says each step with its reason and changes nothing', async () => {
    const plan = await product.plugin('h1', 'plan', { vm: orders.vmUuid, level: 'redirect' })
    expect(plan).toMatchObject({ vm: orders.vmUuid, name: 'orders', from: 'unprotected', to: 'redirect', secondary: 'h2' })
    expect(plan.needsHalt).toBe(false)
    expect(plan.steps.length).toBeGreaterThan(2)
    for (const { step, reason } of plan.steps) expect([step, reason]).not.toContain('')
    expect(await product.operator('h2', 'plan', orders.vmUuid, '--level', 'redirect')).toEqual(plan)
    expect(await product.vmStatus('h1', orders.vmUuid)).toMatchObject({ level: 'unprotected', health: 'unprotected', term: null })
    expect(await product.acts('h1', orders.vmUuid)).toEqual([])
  })

  test('is protected through the plug-in while it writes', async () => {
    const report = await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
    expect(report).toEqual({ vm: orders.vmUuid, level: 'redirect', secondary: 'h2', state: 'copying' })
    const there = {
      level: 'redirect',
      residentOn: 'h1',
      holder: 'h1',
      secondary: 'h2',
      term: 1,
      powerState: 'Running',
      reason: '',
    }
    for (const host of ['h1', 'h2']) {
      const status = await product.redundant(host, orders.vmUuid)
      expect(status).toMatchObject(there)
      expect(status.disks.map(({ upToDate }) => [...upToDate].sort())).toEqual([['h1', 'h2']])
    }
    await product.moreWritten()
    const steps = (await product.plugin('h1', 'plan', { vm: orders.vmUuid, level: 'redirect' })).steps
    expect(steps).toEqual([])
  })

  test('is told alike by the plug-in and the command, on either host', async () => {
    const through = await product.plugin('h2', 'status', { vm: orders.vmUuid })
    const seen = await product.vmStatus('h2', orders.vmUuid)
    expect(through.vms).toEqual([seen])
    expect(through.witness.reachable).toBe(true)
    expect(through.hosts.map(({ name, state }) => [name, state]).sort()).toEqual([
      ['h1', 'alive'],
      ['h2', 'this-host'],
    ])
    const { entries } = await product.plugin('h1', 'timeline', { vm: orders.vmUuid })
    expect(entries.filter(({ act }) => act === 'replica-failed')).toEqual([])
    expect(entries.map(({ act }) => act)).toEqual(expect.arrayContaining(['vm-protected', 'replica-joined-claim']))
    for (const { text, rule } of entries) expect([text, rule]).not.toContain('')
    const table = await product.command('h1', 'status')
    expect(table).toMatchObject({ exit: 0, stderr: '' })
    expect(table.stdout).toMatch(/orders .*redirect/)
  })
})

describe('the daemon killed during writes', () => {
  test.each(['h1', 'h2'])('on %s costs nothing: the copies stay whole and a new daemon picks up', async (host) => {
    const [before] = await product.pids(host, 'holdfastd')
    const workers = await product.pids(host, 'holdfast-worker')
    await product.lab.fault({ kind: 'process', host, process: 'holdfastd', how: 'kill' })
    await product.moreWritten()
    await until('another daemon answers', LIMIT_MS, async () => (await product.command(host, 'version')).exit === 0)
    await product.moreWritten()
    const [now] = await product.pids(host, 'holdfastd')
    expect(now).not.toBe(before)
    expect(await product.pids(host, 'holdfast-worker')).toEqual(workers)
    expect(workers).toHaveLength(1)
    expect(await product.redundant(host, orders.vmUuid)).toMatchObject({ term: 1, holder: 'h1' })
    const acts = await product.acts('h1', orders.vmUuid)
    // A host whose daemon is silent is suspected; its worker keeps the claim, and with it the VM.
    for (const act of ['replica-failed', 'replica-left-claim', 'claim-swapped', 'guest-frozen', 'start-called'])
      expect(acts).not.toContain(act)
  })
})

describe('unprotected while it runs', () => {
  test('it keeps writing with one copy, and nothing of it is left on the other host', async () => {
    expect(await product.operator('h2', 'unprotect', 'orders')).toEqual({ vm: orders.vmUuid, level: 'unprotected' })
    await product.moreWritten()
    const unprotected = { level: 'unprotected', health: 'unprotected', holder: null, term: null, powerState: 'Running' }
    expect(await product.vmStatus('h1', orders.vmUuid)).toMatchObject(unprotected)
    await until('the replica on h2 is gone', LIMIT_MS, async () => {
      const { stdout } = await product.lab.exec('h2', ['find', '/srv/holdfast', '-name', '*.raw'])
      return stdout === ''
    })
    expect(await product.pids('h2', 'holdfast-worker')).toEqual([])
    const { stdout } = await product.lab.xe(['vm-param-get', `uuid=${orders.vmUuid}`, 'param-name=other-config'])
    expect(stdout).not.toContain('holdfast')
  })

  test('and can be protected again, by name, waiting for the copy', async () => {
    const { exit, stdout } = await product.command('h1', 'protect', 'orders', '--level', 'restart', '--wait', '--json')
    expect([exit, stdout]).toEqual([0, expect.stringContaining('"state": "done"')])
    expect(await product.redundant('h2', orders.vmUuid)).toMatchObject({ level: 'restart', holder: 'h1' })
    await product.moreWritten()
    const acts = await product.acts('h1', orders.vmUuid)
    for (const act of ['guest-frozen', 'replica-failed']) expect(acts).not.toContain(act)
  })

  test('and given another level without another copy', async () => {
    const report = await product.operator('h1', 'protect', orders.vmUuid, '--level', 'redirect')
    expect(report).toEqual({ vm: orders.vmUuid, level: 'redirect', secondary: 'h2', state: 'done' })
    expect(await product.vmStatus('h1', orders.vmUuid)).toMatchObject({ level: 'redirect', health: 'protected' })
  })
})

test('nothing that the guest acknowledged in all this is missing', async () => {
  await product.stopWriting()
  expect(await product.verified()).toMatchObject({ missing: [], different: [] })
})
