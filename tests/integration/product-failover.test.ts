/**
 * A dead disk, a dead witness of two, a dead member and a dead coordinator under a client that never stops writing: what it was told is kept,
 * is there.
 */
import { until } from '../../lib/lab/demo/stage'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import type { Fault } from '../../lib/lab/faults/fault'
import { ProductLab } from './product-lab'
import { protectedOrdersOn, SHORT_TIMES } from './product-scene'

jest.setTimeout(300_000)

const STATUS_LIMIT_MS = 15_000
const RESTART_LIMIT_MS = 120_000

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open(SHORT_TIMES, { alternate: true })
  orders = await protectedOrdersOn(product, 'h2', 'redirect')
})
afterAll(() => product.close())

const nothingIsMissing = async (): Promise<void> => {
  await product.stopWriting()
  expect(await product.verified()).toMatchObject({ missing: [], different: [] })
  await product.startWriting()
  await product.moreWritten()
}

describe('a disk that fails under the VM', () => {
  const fault: Fault = { kind: 'disk', host: 'h2', volume: null, ops: 'both', error: 'EIO' }

  test('is replaced by the copy on the other host, and the guest sees no error', async () => {
    await product.lab.fault(fault)
    await product.moreWritten()
    await until('the operator reads that one copy is left', STATUS_LIMIT_MS, async () => {
      const { health, disks } = await product.vmStatus('h1', orders.vmUuid)
      return health === 'degraded' && disks.every(({ upToDate }) => upToDate.join() === 'h1')
    })
    expect(await product.vmStatus('h2', orders.vmUuid)).toMatchObject({
      ...{ residentOn: 'h2', holder: 'h2', health: 'degraded', reason: 'the local replica failed', term: 1 },
    })
    await product.moreWritten()
    const { stdout } = await product.lab.exec('h2', ['sh', '-c', 'cat /run/xen-lab/*/console.log'])
    expect(stdout).toContain('holdfast-guest: ready')
    expect(stdout).not.toMatch(/I\/O error|EXT4-fs|remount/i)
  })

  test('and after its repair only a resync is needed', async () => {
    await product.lab.undo(fault)
    expect(await product.redundant('h2', orders.vmUuid)).toMatchObject({ residentOn: 'h2', holder: 'h2', term: 1 })
    expect(await product.acts('h2', orders.vmUuid)).toEqual(
      expect.arrayContaining(['replica-failed', 'replica-left-claim', 'resync-started', 'replica-joined-claim']),
    )
    await nothingIsMissing()
  })
})

const decides = async (which: 'preferred' | 'alternate'): Promise<void> => {
  for (const host of ['h1', 'h2'])
    await until(`${host} reads that the ${which} one decides`, RESTART_LIMIT_MS, async () => {
      const { decidedBy, health } = await product.vmStatus(host, orders.vmUuid)
      return decidedBy === which && health === 'protected'
    })
}
const preferred: Fault = { kind: 'witness', name: 'witness' }
const alternate: Fault = { kind: 'witness', name: 'alternate' }

test('the preferred witness dies: the other one decides, also after it was restarted, and the VM is protected all the time', async () => {
  await product.lab.fault(preferred)
  await decides('alternate')
  await product.moreWritten()
  await product.lab.fault(alternate)
  await product.lab.undo(alternate)
  await product.moreWritten()
  await decides('alternate')
  expect(await product.vmStatus('h2', orders.vmUuid)).toMatchObject({ residentOn: 'h2', holder: 'h2', term: 1 })
})

interface Death {
  readonly what: string
  readonly dies: string
  readonly survivor: string
  readonly term: number
  readonly decidedBy: 'preferred' | 'alternate'
  /** The other one loses its power, too, and comes back. */
  readonly both?: true
}

const death = ({ what, dies, survivor, term, decidedBy, both }: Death): void =>
  describe(`${what} dies with the VM on it`, () => {
    test('the survivor takes the claim and restarts it, with every acknowledged record', async () => {
      await product.lab.powerOff(dies)
      if (both === true) {
        await product.lab.powerOff(survivor)
        await product.lab.boot(survivor)
      }
      await until('the VM runs on the survivor', RESTART_LIMIT_MS, async () => {
        const { exit, stdout } = await product.command(survivor, 'status', orders.vmUuid, '--json')
        return exit === 0 && stdout.includes(`"residentOn": "${survivor}"`)
      })
      await product.moreWritten()
      const status = await product.vmStatus(survivor, orders.vmUuid)
      expect(status).toMatchObject({ powerState: 'Running', holder: survivor, term, health: 'degraded', decidedBy })
      expect(status.disks.map(({ upToDate }) => upToDate)).toEqual([[survivor]])
      const acts = await product.acts(survivor, orders.vmUuid)
      expect(acts).toEqual(expect.arrayContaining(['takeover-begun', 'claim-swapped', 'start-called']))
      await nothingIsMissing()
    })

    test('the dead host boots and is adopted again: two copies, and the VM stays where it is', async () => {
      await product.lab.boot(dies)
      expect(await product.redundant(survivor, orders.vmUuid)).toMatchObject({ residentOn: survivor, holder: survivor, term })
      expect(await product.redundant(dies, orders.vmUuid)).toMatchObject({ residentOn: survivor, holder: survivor, term })
      const { stdout } = await product.lab.xe(['vm-list', 'params=power-state', '--minimal', `uuid=${orders.vmUuid}`], survivor)
      expect(stdout.trim()).toBe('running')
      await product.moreWritten()
    })
  })

death({ what: 'a member', dies: 'h2', survivor: 'h1', term: 2, decidedBy: 'alternate' })

test('the preferred witness is back and decides again', async () => {
  await product.lab.undo(preferred)
  await decides('preferred')
})

death({ what: 'the coordinator', dies: 'h1', survivor: 'h2', term: 3, decidedBy: 'preferred' })

test('the promoted host stays the coordinator, and the old one is its member', async () => {
  const pool = await product.withApi(async (api) => {
    const [ref] = (await api.call('pool.get_all')) as string[]
    return api.ref('host.get_uuid', await api.ref('pool.get_master', ref ?? ''))
  }, 'h2')
  expect(pool).toBe(product.uuidOf('h2'))
  const { stdout } = await product.lab.exec('h1', ['cat', '/etc/xensource/pool.conf'])
  expect(stdout.trim()).toBe('slave:10.77.0.2')
  await nothingIsMissing()
})

death({
  ...{ what: 'in a power cut after which only the member comes back, the coordinator', both: true },
  ...{ dies: 'h2', survivor: 'h1', term: 4, decidedBy: 'preferred' },
})
