/** What nobody sees by itself is found and mended; a copy is a task of XAPI; a disk that is silent or gone is not waited for. */
import { mkdirSync, rmSync } from 'node:fs'
import type { Fault } from '../../lib/lab/faults/fault'
import { until } from '../../lib/lab/demo/stage'
import { labPaths } from '../../lib/lab/rack/paths'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import type { VerifyReport } from '../../lib/wire/daemon-api'
import { ProductLab } from './product-lab'
import { ordersOn } from './product-scene'

jest.setTimeout(300_000)

const LIMIT_MS = 120_000
const BLOCK = 64 * 1024
const MIB = 1024 * 1024
/** At the rate at which a resync begins, the copy lasts for several looks of the daemon. */
const DISK_BYTES = 256 * MIB
/** Nothing of the guest's file system is here, so far into its empty disk. */
const DAMAGED_AT = 150 * MIB + 20 * BLOCK

let product: ProductLab
let orders: GuestVm
beforeAll(async () => {
  product = await ProductLab.open()
  orders = await ordersOn(product, 'h1', DISK_BYTES)
})
afterAll(() => product.close())

interface Verified {
  readonly exit: number | null
  readonly disks: readonly { readonly device: string; readonly verify: VerifyReport }[]
}

async function verify(host: string, ...more: string[]): Promise<Verified> {
  const { exit, stdout, stderr } = await product.command(host, 'verify', 'orders', '--json', ...more)
  if (stdout === '') throw new Error(`verify on ${host}: exit ${exit ?? 'by signal'}: ${stderr}`)
  return { exit, disks: JSON.parse(stdout) as Verified['disks'] }
}

const rulesOf = async (act: string): Promise<string[]> =>
  (await product.operator('h1', 'timeline', orders.vmUuid)).entries.filter((entry) => entry.act === act).map(({ rule }) => rule)

/** Of the pool's tasks, as `xe task-list` prints them, the resyncs of this VM: what they were last seen with. */
async function resyncTasks(): Promise<{ status: string; progress: number }[]> {
  const { exit, stdout, stderr } = await product.lab.xe(['task-list', 'params=name-label,status,progress'])
  if (exit !== 0) throw new Error(stderr)
  return stdout
    .split('\n\n')
    .filter((record) => record.includes('Holdfast: resync of orders'))
    .map((record) => ({
      status: /status[^:]*: (\S+)/.exec(record)?.[1] ?? '',
      progress: Number(/progress[^:]*: (\S+)/.exec(record)?.[1] ?? NaN),
    }))
}

/** As that host's operator reads it. */
const onlyOn = (host: string): Promise<void> =>
  until('the operator reads that one copy is left', LIMIT_MS, async () => {
    const { disks } = await product.vmStatus(host, orders.vmUuid)
    return disks.every(({ upToDate }) => upToDate.join() === host)
  })

async function guestSawNoError(): Promise<void> {
  const { stdout } = await product.lab.exec('h1', ['sh', '-c', 'cat /run/xen-lab/*/console.log'])
  expect(stdout).toContain('holdfast-guest: ready')
  expect(stdout).not.toMatch(/I\/O error|EXT4-fs|remount/i)
}

test('the first copy is a task of XAPI that ends in success', async () => {
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'redirect' })
  await until('a task shows the copy', LIMIT_MS, async () => (await resyncTasks()).length > 0)
  await product.redundant('h1', orders.vmUuid)
  await until('the task is over', LIMIT_MS, async () => (await resyncTasks()).every(({ status }) => status !== 'pending'))
  expect(await resyncTasks()).toEqual([{ status: 'success', progress: 1 }])
})

describe('bytes that changed under the secondary', () => {
  test('are found from either host, and nothing else is', async () => {
    const image = '"$(find /srv/holdfast -name "*.raw")"'
    const damage = `head -c 5000 /dev/urandom | dd of=${image} bs=1 seek=${DAMAGED_AT + 100} conv=notrunc iflag=fullblock`
    expect(await product.lab.exec('h2', ['sh', '-c', damage])).toMatchObject({ exit: 0 })
    const { exit, disks } = await verify('h2')
    const found = { differingBytes: BLOCK, ranges: [{ offset: DAMAGED_AT, length: BLOCK }], repaired: false, state: 'done' }
    expect({ exit, disks }).toMatchObject({ exit: 3, disks: [{ verify: found }] })
    expect(await product.vmStatus('h1', orders.vmUuid)).toMatchObject({ health: 'protected' })
  })

  test('are mended when asked for, and then both hold the same', async () => {
    const mended = { differingBytes: BLOCK, ranges: [{ offset: DAMAGED_AT, length: BLOCK }], repaired: true, state: 'done' }
    expect(await verify('h2', '--repair')).toMatchObject({ exit: 0, disks: [{ verify: mended }] })
    expect(await verify('h1')).toMatchObject({ exit: 0, disks: [{ verify: { differingBytes: 0, ranges: [], state: 'done' } }] })
    expect(await rulesOf('verified')).toEqual(['differing', 'repaired', 'equal'])
    await product.moreWritten()
  })
})

describe.each([
  { whose: 'the VM runs', host: 'h1', other: 'h2' },
  { whose: 'the copy is', host: 'h2', other: 'h1' },
])('a disk that does not answer, where $whose', ({ host, other }) => {
  const fault: Fault = { kind: 'disk', host, volume: null, ops: 'both', error: 'hang' }

  test('is given up for the other one, and the guest sees no error', async () => {
    await product.lab.fault(fault)
    await onlyOn(other)
    await product.moreWritten()
    await guestSawNoError()
  })

  test('and taken back by what it lacks when it answers again', async () => {
    const before = (await rulesOf('resync-started')).length
    await product.lab.undo(fault)
    expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ residentOn: 'h1', holder: 'h1', term: 1 })
    expect((await rulesOf('resync-started')).slice(before)).toEqual(['i-tracked-peer'])
    await product.moreWritten()
    expect(await verify(other)).toMatchObject({ disks: [{ verify: { differingBytes: 0, state: 'done' } }] })
  })
})

test('the operator reads which disks were silent', async () => {
  const { entries } = await product.operator('h1', 'timeline', orders.vmUuid)
  const silent = entries.filter(({ act, evidence }) => act === 'replica-failed' && evidence['error'] === 'ETIMEDOUT')
  expect(silent).toHaveLength(2)
})

describe('a disk that is gone', () => {
  const fault: Fault = { kind: 'disk', host: 'h1', volume: null, ops: 'both', error: 'EIO' }

  test('costs the guest nothing', async () => {
    await product.lab.fault(fault)
    await onlyOn('h2')
    await product.moreWritten()
    await guestSawNoError()
  })

  test('and the empty one in its place gets everything while the guest writes', async () => {
    const { disk } = labPaths(product.lab.dir).host('h1')
    rmSync(disk, { recursive: true })
    mkdirSync(disk)
    await product.lab.undo(fault)
    expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ residentOn: 'h1', holder: 'h1', term: 1 })
    expect(await rulesOf('resync-started')).toEqual(['peer-is-new', 'i-tracked-peer', 'i-tracked-peer', 'peer-is-new'])
    const records = ['sh', '-c', 'cat /srv/holdfast/catalogue/*.json']
    await until('it has its records again', LIMIT_MS, async () =>
      (await product.lab.exec('h1', records)).stdout.includes(orders.vmUuid),
    )
    await product.moreWritten()
    expect(await verify('h1')).toMatchObject({ disks: [{ verify: { differingBytes: 0, state: 'done' } }] })
    await guestSawNoError()
    await product.stopWriting()
    expect(await product.verified()).toMatchObject({ missing: [], different: [] })
  })
})
