import { hostUuid, vmUuid, volumeKey } from '../../../lib/core/domain/ids'
import type { Catalogue } from '../../../lib/daemon/host/catalogue'
import { datapathHandlers } from '../../../lib/daemon/host/datapath'
import { Fleet } from '../../../lib/daemon/host/fleet'
import type { HostParts } from '../../../lib/daemon/host/parts'
import type { WorkerSpec } from '../../../lib/wire/worker-api'

const HOST = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const VM = vmUuid('99999999-0000-4000-8000-000000000001')
const DISKS = [1, 2].map((number) => volumeKey(`88888888-0000-4000-8000-00000000000${number}`))
const [FIRST] = DISKS

/** The datapath of a daemon that sees XAPI's inventory that long after its start: an unprotected VM with two disks. */
function startedDaemon(inventoryAtMs: number): {
  datapath: ReturnType<typeof datapathHandlers>
  started: WorkerSpec[]
  nowMs: () => number
} {
  let nowMs = 0
  const started: WorkerSpec[] = []
  const inventory = { vms: [{ uuid: VM, disks: DISKS.map((location) => ({ location })) }] }
  const parts = {
    ...{ host: HOST, config: { pool: 'p', witness: 'w', hosts: {}, diskClients: 'reconnect' } },
    clock: { nowMs: () => nowMs },
    timers: { pause: (ms: number) => Promise.resolve().then(() => void (nowMs += ms)) },
    xapi: { inventory: () => (nowMs < inventoryAtMs ? null : inventory) },
    workers: {
      ...{ list: () => started, onExit: () => undefined },
      start: (spec: WorkerSpec) => {
        if (!started.some(({ id }) => id === spec.id)) started.push(spec)
        return Promise.resolve()
      },
      ask: (_: string, __: string, { volume }: { volume: string }) => Promise.resolve({ socket: 'socket', exportName: volume }),
    },
  } as unknown as HostParts
  const record = (key: (typeof DISKS)[number]): object => ({ key, sizeBytes: 1, vm: null, homes: [HOST] })
  const catalogue = { get: record, find: record, storeOf: () => ({ imagePath: (key: string) => key }) } as unknown as Catalogue
  return { datapath: datapathHandlers(parts, catalogue, new Fleet(parts, catalogue)), started, nowMs: () => nowMs }
}

const served = (started: WorkerSpec[]): [string, string[]][] =>
  started.map(({ id, volumes }) => [id, volumes.map(({ key }) => key)])

test('a VM that is started before the daemon has seen the inventory gets one worker for all its disks', async () => {
  const { datapath, started } = startedDaemon(1000)
  await Promise.all(DISKS.map((volume) => datapath['datapath-attach']({ volume, domain: '1' })))
  expect(served(started)).toEqual([[VM, DISKS]])
})

test('a disk is attached without the inventory when that does not come', async () => {
  const { datapath, started, nowMs } = startedDaemon(Infinity)
  await datapath['datapath-attach']({ volume: String(FIRST), domain: '1' })
  expect(served(started)).toEqual([[FIRST, [FIRST]]])
  expect(nowMs()).toBe(3000)
})

test('what the host itself attaches does not wait for it', async () => {
  const { datapath, nowMs } = startedDaemon(Infinity)
  await datapath['datapath-attach']({ volume: String(FIRST), domain: '0' })
  expect(nowMs()).toBe(0)
})

describe('a worker that nobody uses any more is ended', () => {
  /** Its worker ends with its attachments, and answers as late as the test wants. */
  function attachedDaemon(): {
    datapath: ReturnType<typeof datapathHandlers>
    attached: () => string[][]
    slowly: Promise<void>[]
  } {
    const workers: { spec: WorkerSpec; attached: string[] }[] = []
    const slowly: Promise<void>[] = []
    const running = (id: string): { attached: string[] } => {
      const found = workers.find(({ spec }) => spec.id === id)
      if (found === undefined) throw Object.assign(new Error('it is gone'), { code: 'ENOENT' })
      return found
    }
    const parts = {
      ...{ host: HOST, config: { pool: 'p', witness: 'w', hosts: {}, diskClients: 'reconnect' } },
      ...{ clock: { nowMs: () => 0 }, timers: { pause: () => Promise.resolve() } },
      ...{ xapi: { inventory: () => ({ vms: [{ uuid: VM, disks: DISKS.map((location) => ({ location })) }] }) } },
      fronts: { release: () => undefined },
      workers: {
        ...{ list: () => workers.map(({ spec }) => spec), onExit: () => undefined },
        start: (spec: WorkerSpec) => {
          if (!workers.some(({ spec: { id } }) => id === spec.id)) workers.push({ spec, attached: [] })
          return Promise.resolve()
        },
        remove: (id: string) => {
          const at = workers.findIndex(({ spec }) => spec.id === id)
          if (at >= 0) workers.splice(at, 1)
          return Promise.resolve()
        },
        ask: async (id: string, fn: string, { volume = '' }: { volume?: string }) => {
          const worker = running(id)
          if (fn === 'attach') worker.attached.push(volume)
          if (fn === 'detach') worker.attached = worker.attached.filter((each) => each !== volume)
          const volumes = DISKS.map((key) => ({ key, attachedTo: worker.attached.includes(key) ? '1' : null }))
          if (fn === 'status') await slowly.shift()
          return fn === 'status' ? { role: 'solo', volumes } : { socket: 'socket', exportName: volume }
        },
      },
    } as unknown as HostParts
    const record = (key: (typeof DISKS)[number]): object => ({ key, sizeBytes: 1, vm: null, homes: [HOST] })
    const catalogue = { get: record, find: record, storeOf: () => ({ imagePath: (key: string) => key }) } as unknown as Catalogue
    const datapath = datapathHandlers(parts, catalogue, new Fleet(parts, catalogue))
    return { datapath, attached: () => workers.map(({ attached }) => attached), slowly }
  }

  const [one, other] = DISKS.map((volume) => ({ volume: String(volume), domain: '1' })) as [
    { volume: string; domain: string },
    { volume: string; domain: string },
  ]

  test('with its last disk', async () => {
    const { datapath, attached } = attachedDaemon()
    await datapath['datapath-attach'](one)
    await datapath['datapath-attach'](other)
    await datapath['datapath-detach'](one)
    expect(attached()).toEqual([[other.volume]])
    await datapath['datapath-detach'](other)
    expect(attached()).toEqual([])
  })

  test('but not under a disk that was attached while it was asked whether anybody does', async () => {
    const { datapath, attached, slowly } = attachedDaemon()
    await datapath['datapath-attach'](one)
    let answer = (): void => undefined
    slowly.push(new Promise((resolve) => (answer = resolve)))
    const detached = datapath['datapath-detach'](one)
    while (slowly.length > 0) await Promise.resolve()
    const attaching = datapath['datapath-attach'](other)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    answer()
    await Promise.all([detached, attaching])
    expect(attached()).toEqual([[other.volume]])
  })
})
