/**
 * Every way to cut two hosts and the witness apart while a client writes, ten seconds each: one holder, no acknowledged record lost, no
 * answer of a server after a later one has answered, and both copies again by themselves.
 */
import type { ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { servedTwice } from '../../lib/lab/client/watcher'
import { makeVm, until, VM_ADDRESS } from '../../lib/lab/demo/stage'
import type { Fault } from '../../lib/lab/faults/fault'
import type { GuestVm } from '../../lib/lab/seed/guest-vm'
import { CLIENT, ProductLab } from './product-lab'

jest.setTimeout(400_000)

const SHORT_TIMES = { promotionFuseMs: 1000, promotionRestartMs: 300, recoverSlavesMs: 1000 }
const CUT_MS = 10_000
const RESTART_LIMIT_MS = 90_000

let product: ProductLab
let orders: GuestVm
let watcher: ChildProcess
beforeAll(async () => {
  product = await ProductLab.open(SHORT_TIMES)
  orders = await makeVm(product.stage)
  await product.startOn(orders.vm, 'h2')
  await product.startWriting()
  const argv = [process.execPath, CLIENT, 'watch', '--host', VM_ADDRESS, '--journal', sightings()]
  watcher = await product.lab.spawnIn('client', argv, 'ignore')
  await product.moreWritten()
  await product.plugin('h1', 'protect', { vm: orders.vmUuid, level: 'restart' })
  await product.redundant('h1', orders.vmUuid)
})
afterAll(async () => {
  watcher.kill('SIGTERM')
  await product.close()
})

const sightings = (): string => join(product.folder, 'sightings.jsonl')

const cut = (host: string, other: string, link: 'management' | 'alinks' | 'all'): Fault => ({
  ...{ kind: 'cut', host, other, link, direction: 'both' },
})

/** Who holds the claim, as the witness says to that host; empty while it does not say. */
async function holder(host: string): Promise<string> {
  const { exit, stdout } = await product.command(host, 'status', orders.vmUuid, '--json')
  return exit === 0 ? (/"holder": "(\w+)"/.exec(stdout)?.[1] ?? '') : ''
}

async function during(faults: readonly Fault[]): Promise<void> {
  for (const fault of faults) await product.lab.fault(fault)
  await pause(CUT_MS)
  for (const fault of faults) await product.lab.undo(fault)
}

/** What must hold after each of them. */
async function allIsWell(where: string): Promise<void> {
  await until(`${where} holds the claim`, RESTART_LIMIT_MS, async () => (await holder('h1')) === where)
  await product.moreWritten()
  expect(await product.redundant('h1', orders.vmUuid)).toMatchObject({ holder: where, residentOn: where, powerState: 'Running' })
  await product.stopWriting()
  expect(await product.verified()).toMatchObject({ missing: [], different: [] })
  expect(servedTwice(sightings())).toEqual([])
  await product.startWriting()
  await product.moreWritten()
}

describe.each([
  ['management', [cut('h1', 'h2', 'management')]],
  ['the A-links', [cut('h1', 'h2', 'alinks')]],
  ['the way to the witness, at the holder', [cut('h2', 'witness', 'management')]],
  ['management and the witness, at the holder', [cut('h1', 'h2', 'management'), cut('h2', 'witness', 'management')]],
  ['the A-links and the witness, at the holder', [cut('h1', 'h2', 'alinks'), cut('h2', 'witness', 'management')]],
  ['management and the A-links', [cut('h1', 'h2', 'all')]],
] as const)('cut: %s', (_, faults) => {
  test('the VM stays where it is', async () => {
    await during(faults)
    await allIsWell('h2')
  })
})

test('the holder cut off from everybody: the VM moves, and the old one is ended before it is heard again', async () => {
  await during([cut('h1', 'h2', 'all'), cut('h2', 'witness', 'management')])
  await allIsWell('h1')
})

test('the witness restarts: nothing happens', async () => {
  await product.lab.fault({ kind: 'witness' })
  await product.moreWritten()
  await product.lab.undo({ kind: 'witness' })
  await allIsWell('h1')
})
