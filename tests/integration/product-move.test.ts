/** A VM that grew up in a plain local SR: refused while it runs, moved and protected once it is halted, and its data is there. */
import { makeVm, until } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { ProductLab } from './product-lab'

jest.setTimeout(300_000)

const LIMIT_MS = 60_000

let product: ProductLab
let orders: GuestVm
let localSr = ''
const xe = async (...argv: string[]): Promise<string> => {
  const { exit, stdout, stderr } = await product.lab.xe(argv)
  if (exit !== 0) throw new Error(stderr)
  return stdout.trim()
}

beforeAll(async () => {
  product = await ProductLab.open()
  localSr = await xe('sr-create', `host-uuid=${product.uuidOf('h2')}`, 'type=file', 'name-label=local', 'content-type=user')
  orders = await product.withApi(async (api) =>
    makeVm({ ...product.stage, sr: await api.ref('SR.get_by_uuid', localSr), srUuid: localSr }),
  )
  await product.startOn(orders.vm, 'h2')
  await product.startWriting()
  await product.moreWritten(100)
})
afterAll(() => product.close())

const disksOf = async (): Promise<string[]> =>
  (await xe('vbd-list', `vm-uuid=${orders.vmUuid}`, 'params=vdi-uuid', '--minimal')).split(',')

test('while it runs the plan says what must move, and protect is refused', async () => {
  const plan = await product.plugin('h1', 'plan', { vm: orders.vmUuid, level: 'redirect' })
  expect(plan).toMatchObject({ needsHalt: true, from: 'unprotected', to: 'redirect', secondary: 'h1' })
  expect(plan.steps[0]).toMatchObject({
    step: expect.stringMatching(/move|cop/i) as string,
    reason: 'it is in an SR of type file, and only disks in a Holdfast SR can be mirrored',
  })
  const asked = product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
  await expect(asked).rejects.toThrow(/HOLDFAST_DISK_ELSEWHERE[^]*in SR local[^]*Shut the VM down/)
  expect(await disksOf()).toEqual([orders.vdiUuid])
  expect(await product.acts('h2', orders.vmUuid)).toEqual([])
  await product.moreWritten()
})

test('halted, it is moved and protected by one request; the old disk is kept under another name', async () => {
  await product.stopWriting()
  await xe('vm-shutdown', 'vm=orders')
  const name = await xe('vdi-param-get', `uuid=${orders.vdiUuid}`, 'param-name=name-label')
  const report = await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
  expect(report).toMatchObject({ vm: orders.vmUuid, level: 'redirect', state: 'copying' })
  await product.redundant('h1', orders.vmUuid)
  const [disk] = await disksOf()
  expect(disk).not.toBe(orders.vdiUuid)
  expect(await xe('vdi-param-get', `uuid=${disk ?? ''}`, 'param-name=sr-uuid')).toBe(product.stage.srUuid)
  expect(await xe('vdi-param-get', `uuid=${disk ?? ''}`, 'param-name=name-label')).toBe(name)
  expect(await xe('vdi-param-get', `uuid=${orders.vdiUuid}`, 'param-name=name-label')).toBe(`${name} (before Holdfast)`)
  expect(await xe('vdi-param-get', `uuid=${orders.vdiUuid}`, 'param-name=sr-uuid')).toBe(localSr)
  const [holder] = (await product.operator('h1', 'status', orders.vmUuid)).vms.map((vm) => vm.holder)
  const acts = await product.acts(holder ?? 'h1', orders.vmUuid)
  expect(acts).toEqual(expect.arrayContaining(['disk-move-begun', 'vm-protected']))
  expect(acts).not.toContain('disk-move-failed')
})

test('it starts from the moved disk, on a protected pair, with all its data', async () => {
  await xe('vm-start', 'vm=orders')
  await product.startWriting()
  await product.moreWritten()
  await until('both copies are whole', LIMIT_MS, async () => {
    const { health, powerState } = await product.vmStatus('h2', orders.vmUuid)
    return health === 'protected' && powerState === 'Running'
  })
  await product.stopWriting()
  const { acknowledged, missing, different } = await product.verified()
  expect([missing, different]).toEqual([[], []])
  expect(acknowledged).toBeGreaterThan(140)
})
