/** The dial of a running VM goes to lockstep and back while it writes; in lockstep it outlives its host, and nothing is started for that. */
import { until } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import type { VmStatus } from '../../lib/wire/daemon-api'
import { ProductLab } from './product-lab'
import { ordersOn } from './product-scene'

jest.setTimeout(300_000)

const LIMIT_MS = 60_000
const MIN = 'holdfast-lockstep-interval-min-ms'

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open()
  orders = await ordersOn(product, 'h1')
})
afterAll(() => product.close())

const standbys = async (host: string): Promise<string[]> => {
  const { exit, stdout, stderr } = await product.lab.exec(host, ['holdfast-standby', 'list'])
  if (exit !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as { vm: string; state: string }[]).map(({ vm, state }) => `${vm} ${state}`)
}

async function statusWhen(what: string, host: string, test: (status: VmStatus) => boolean): Promise<VmStatus> {
  let last: VmStatus | null = null
  try {
    await until(what, LIMIT_MS, async () => {
      last = await product.vmStatus(host, orders.vmUuid)
      return test(last)
    })
  } catch (error) {
    throw new Error(`${String(error)}; last: ${JSON.stringify(last)}`, { cause: error })
  }
  return product.vmStatus(host, orders.vmUuid)
}

const kept = (host: string): Promise<VmStatus> =>
  statusWhen('it is in lockstep', host, ({ lockstep, health }) => lockstep?.isKept === true && health === 'protected')

describe('a running VM that writes', () => {
  test('is measured before, on whichever host the plan is asked for', async () => {
    for (const host of ['h1', 'h2']) {
      const { forecast, steps } = await product.plugin(host, 'plan', { vm: orders.vmUuid, level: 'lockstep' })
      if (forecast == null) throw new Error('it was not measured')
      expect(forecast.pauseMs).toBeGreaterThan(0)
      expect(forecast.outputDelayMs).toBeGreaterThan(forecast.pauseMs)
      expect(steps.map(({ step }) => step)).toContain(`keep a waiting copy (${forecast.memoryBytes / 1024 / 1024} MiB) on h2`)
    }
    const { stdout } = await product.command('h2', 'plan', 'orders', '--level', 'lockstep')
    expect(stdout).toContain('Measured on the running guest')
    expect(await product.vmStatus('h1', orders.vmUuid)).toMatchObject({ level: 'unprotected', term: null })
  })

  test('comes into lockstep at once from nothing, and says so on both hosts', async () => {
    await product.plugin('h2', 'protect', { vm: orders.vmUuid, level: 'lockstep' })
    const { lockstep, level, reason } = await kept('h1')
    expect([level, reason, lockstep?.state, lockstep?.why]).toEqual(['lockstep', '', 'lockstep', ''])
    await statusWhen(
      'more epochs are confirmed',
      'h2',
      ({ lockstep: now }) => (now?.epochsConfirmed ?? 0) > (lockstep?.epochsConfirmed ?? 0),
    )
    const { lockstep: figures } = await kept('h2')
    for (const figure of [figures?.pauseMedianMs, figures?.bytesPerEpoch, figures?.outputDelayMedianMs])
      expect(figure).toBeGreaterThan(0)
    expect(await standbys('h2')).toEqual([`${orders.vmUuid} waiting`])
    expect((await product.command('h2', 'status', 'orders')).stdout).toMatch(/^lockstep {3}kept, \d+ epochs confirmed$/m)
    await product.moreWritten()
  })

  test('follows what is set for it, and stays as it is when that becomes nonsense', async () => {
    const told = async (host: string): Promise<unknown> => {
      const { stdout } = await product.lab.exec(host, ['cat', `/run/holdfast/workers/${orders.vmUuid}/spec.json`])
      return (JSON.parse(stdout) as { lockstep?: unknown }).lockstep
    }
    const set = (value: string): Promise<unknown> =>
      product.lab.xe(['vm-param-set', `uuid=${orders.vmUuid}`, `other-config:${MIN}=${value}`])
    await set('60')
    for (const host of ['h1', 'h2'])
      await until(`${host} follows`, LIMIT_MS, async () => JSON.stringify(await told(host)) === '{"intervalMinMs":60}')
    await set('fast')
    await until('XAPI has told the daemon', LIMIT_MS, async () =>
      (await product.command('h1', 'plan', orders.vmUuid, '--level', 'lockstep')).stderr.includes('"fast"'),
    )
    await kept('h1')
    expect(await told('h1')).toEqual({ intervalMinMs: 60 })
    await product.lab.xe(['vm-param-remove', `uuid=${orders.vmUuid}`, 'param-name=other-config', `param-key=${MIN}`])
  })

  test('is turned down and up again; its copy goes and comes', async () => {
    await product.plugin('h2', 'protect', { vm: orders.vmUuid, level: 'redirect' })
    const { level, lockstep } = await product.redundant('h1', orders.vmUuid)
    expect([level, lockstep]).toEqual(['redirect', undefined])
    await until('the copy is gone', LIMIT_MS, async () => (await standbys('h2')).length === 0)
    await product.moreWritten()
    await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'lockstep' })
    await kept('h1')
  })

  test('is unprotected from lockstep, and nothing of it is left on the other host', async () => {
    expect(await product.plugin('h2', 'unprotect', { vm: orders.vmUuid })).toMatchObject({ level: 'unprotected' })
    expect(await product.vmStatus('h1', orders.vmUuid)).toMatchObject({ level: 'unprotected', term: null })
    await until('the copy is gone', LIMIT_MS, async () => (await standbys('h2')).length === 0)
    await product.moreWritten()
  })

  test('goes on when its host is lost: nothing is reset or started, and XAPI shows it here in the end', async () => {
    await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'lockstep' })
    await kept('h1')
    await product.lab.fault({ kind: 'host', host: 'h1' })
    await until('XAPI shows it on h2', LIMIT_MS, async () => (await product.vmStatus('h2', orders.vmUuid)).residentOn === 'h2')
    await product.moreWritten()
    const acts = await product.acts('h2', orders.vmUuid)
    expect(acts).toEqual(expect.arrayContaining(['vm-goes-on', 'vm-shown-here']))
    expect(acts).not.toContain('start-called')
    expect(acts).not.toContain('vm-restarted')
  })
})
