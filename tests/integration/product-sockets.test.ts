/** Garbage and silence on every socket of the product and the lab's toolstack: nothing dies, and everybody else is served. */
import { makeVm } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { attack, type Target } from './hostile-sockets'
import { ProductLab } from './product-lab'

jest.setTimeout(300_000)

const SEED = 20_261_122
const VOLUME_BYTES = 8 * 1024 * 1024

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open()
  orders = await makeVm(product.stage, 'orders', VOLUME_BYTES)
  const { stderr } = await product.lab.xe(['vm-start', 'vm=orders', 'on=h1', 'paused=true'])
  expect(stderr).toBe('')
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
  await product.redundant('h1', orders.vmUuid)
})
afterAll(() => product.close())

/** Pids of everything that listens. */
async function alive(): Promise<unknown> {
  const { hosts } = await product.lab.status()
  const named = hosts.map(({ name, processes }) => [
    name,
    processes.flatMap((each) => (/^(holdfast|xapi|qemu)/.test(each.name) ? [`${each.name} ${each.pid}`] : [])).sort(),
  ])
  const witness = await product.lab.exec('witness', ['sh', '-c', "grep -l '[h]oldfast-witness' /proc/[0-9]*/cmdline"])
  return [...named, witness.stdout]
}

const listening = async (host: string, flags: string): Promise<string> =>
  (await product.lab.exec(host, ['ss', flags])).stdout.replace(/ +/g, ' ')

test(`seed ${SEED}: on every socket that anybody listens on`, async () => {
  const before = await alive()
  expect(JSON.stringify(before)).toMatch(/holdfast-worker \d+[^]*holdfastd \d+[^]*qemu[^]*holdfast-worker[^]*\/proc\/\d+/)
  const worker = `/run/holdfast/workers/${orders.vmUuid}`
  const { disks } = await product.vmStatus('h1', orders.vmUuid)
  const peerPort = /:(78\d\d|79\d\d)\b/.exec(await listening('h2', '-Hltn'))?.[1] ?? ''
  expect(peerPort).not.toBe('')
  const near: Target[] = [
    ...(['unix:/run/holdfast/daemon.sock', `unix:${worker}/control.sock`, 'unix:/var/lib/xcp/xapi'] as const),
    ...disks.map(({ volume }): Target => `unix:${worker}/${volume}.sock`),
  ]
  const far: Target[] = ['10.77.0.1', '10.77.0.2'].flatMap((address): Target[] => [
    ...([`tcp:${address}:7790`, `tcp:${address}:80`, `udp:${address}:7789`] as const),
  ])
  const attempts = [
    ...(await attack(product.lab, 'h1', SEED, [...near, `tcp:10.77.1.2:${peerPort}`, 'udp:10.77.1.2:7789'])),
    ...(await attack(product.lab, 'client', SEED + 1, [...far, `tcp:10.77.0.2:${peerPort}`, 'tcp:10.77.0.250:7788'])),
  ]
  expect(attempts.filter(({ end }) => end !== 'closed' && end !== 'sent')).toEqual([])
  expect(attempts.length).toBeGreaterThan(90)
  expect(await alive()).toEqual(before)
  expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ term: 1, holder: 'h1', powerState: 'Paused' })
  expect(await product.redundant('h2', orders.vmUuid)).toMatchObject({ term: 1, holder: 'h1' })
  const acts = await product.acts('h1', orders.vmUuid)
  for (const act of ['replica-failed', 'replica-left-claim', 'claim-swapped', 'guest-frozen', 'worker-restarted'])
    expect(acts).not.toContain(act)
})

test('every service still does its work for those who know how to ask', async () => {
  expect((await product.plugin('h2', 'version')).host).toBe(product.uuidOf('h2'))
  expect(await product.operator('h2', 'unprotect', 'orders')).toMatchObject({ level: 'unprotected' })
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'restart' })
  expect(await product.redundant('h2', orders.vmUuid)).toMatchObject({ level: 'restart', holder: 'h1', term: 1 })
})
