import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid, srUuid, volumeKey } from '../../lib/core/domain/ids'
import { Catalogue } from '../../lib/daemon/host/catalogue'
import { datapathHandlers } from '../../lib/daemon/host/datapath'
import { Fleet } from '../../lib/daemon/host/fleet'
import type { HostParts } from '../../lib/daemon/host/parts'
import { FenceFolder } from '../../lib/dom0/fence/fence-record'
import { IpmiPower } from '../../lib/dom0/fence/ipmi-power'
import { frontProcesses } from '../../lib/dom0/front/nbd-front-processes'
import { noWitness } from '../../lib/dom0/witness/no-witness'
import { systemClock } from '../../lib/dom0/system/system-clock'
import { systemTimers } from '../../lib/dom0/system/system-timers'
import { TimelineFile } from '../../lib/dom0/log/timeline-file'
import { srRegistry } from '../../lib/dom0/replica/sr-registry'
import { workerProcesses } from '../../lib/dom0/process/worker-processes'
import { type DiskClients, USUAL_CONFIG } from '../../lib/wire/config'
import { processesAbout } from './rack-eyes'
import { QuietLog } from './quiet-log'
import { run } from './run-client'
import { killWorker, nextWorker, WorkerExecutables } from './worker-executables'
import { eventually } from './worker-host'

jest.setTimeout(120_000)

const MIB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'hf-'))
const executables = new WorkerExecutables(join(folder, 'bin'))
const host = hostUuid('aaaaaaaa-0000-4000-8000-000000000001')
const sr = srUuid('cccccccc-0000-4000-8000-000000000001')
const key = volumeKey('dddddddd-0000-4000-8000-000000000001')
const home = join(folder, 'w', key)
const ask = { volume: key, domain: '7' }
let datapath: ReturnType<typeof datapathHandlers>

beforeAll(async () => {
  mkdirSync(join(folder, 'timeline'))
  const srs = srRegistry({ attached: join(folder, 'srs'), remembered: join(folder, 'remembered') }, new QuietLog())
  await srs.add(sr, join(folder, 'sr'))
})
afterEach(() => datapath['datapath-detach'](ask))
afterAll(() => rmSync(folder, { recursive: true }))

/** As a daemon that is started: what it serves is a volume that no VM protects. */
async function daemon(diskClients: DiskClients): Promise<typeof datapath> {
  const log = new QuietLog()
  const timeline = join(folder, 'timeline', 'all.jsonl')
  const workers = workerProcesses({ folder: join(folder, 'w'), executable: executables.worker, log })
  const parts: HostParts = {
    ...{ version: '0', host, log, clock: systemClock, timers: systemTimers, witness: noWitness() },
    config: { ...USUAL_CONFIG, format: 1, pool: sr, witness: 'none:1', hosts: {}, diskClients },
    timeline: new TimelineFile(timeline, host, log),
    readTimeline: () => [],
    xapi: {
      inventory: () => ({
        ...{ pool: sr, name: '', coordinator: host, haEnabled: false, otherConfig: {} },
        ...{ hosts: [], vms: [], srs: [] },
      }),
      ...{ onChange: () => undefined, reachable: false, refresh: () => undefined },
      ...{ call: () => Promise.reject(new Error('there is no XAPI')), close: () => Promise.resolve() },
    },
    writtenCoordinator: () => host,
    // The key and the timeline of a host are where only a host has them.
    workers: {
      ...workers,
      // A daemon that was started again sees no end of what the one before had started.
      onExit: () => undefined,
      start: (spec) => workers.start({ ...spec, witness: null, poolKeyFile: null, timelineFile: timeline }),
    },
    standbys: { lacks: () => Promise.resolve(null) },
    fronts: frontProcesses({ folder: join(folder, 'f'), executable: executables.front, log }),
    srs: srRegistry({ attached: join(folder, 'srs'), remembered: join(folder, 'remembered') }, log),
    power: new IpmiPower(new Map(), log),
    fences: new FenceFolder(join(folder, 'fences'), log),
    askPeer: () => Promise.reject(new Error('there is no peer')),
    takeSelfFenced: () => false,
    upMs: () => 0,
    domains: { state: () => Promise.resolve('gone'), destroy: () => Promise.resolve() },
    newUuid: () => key,
    heartbeats: () => ({ close: () => undefined }),
  }
  const catalogue = new Catalogue(parts)
  await catalogue.open()
  if (catalogue.find(key) === undefined)
    await catalogue.add({
      ...{ key, sr, name: 'disk', description: '', sizeBytes: 16 * MIB, sharable: false, keys: {} },
      ...{ vm: null, level: null, homes: [], deleted: false },
    })
  const fleet = new Fleet(parts, catalogue)
  await fleet.open()
  return datapathHandlers(parts, catalogue, fleet)
}

const socketsOfFronts = (): string[] => readdirSync(join(folder, 'f')).filter((name) => name.endsWith('.sock'))
const fronts = (): string[] => processesAbout(join(folder, 'bin', 'holdfast-front'))
const noFront = () => eventually('the end of the front', () => Promise.resolve(fronts().length === 0 ? true : null))

test('a client that cannot reconnect writes and verifies through deaths of the worker and the end of a daemon', async () => {
  datapath = await daemon('front')
  const { socket, exportName } = await datapath['datapath-attach'](ask)
  await datapath['datapath-activate'](ask)
  expect(socket).toBe(join(folder, 'f', `${key}.7.sock`))
  const job = ['--rw=randwrite', '--bs=4k', '--iodepth=8', '--size=16m', '--verify=crc32c', '--verify_state_save=0']
  const uri = `nbd+unix:///${exportName}?socket=${socket}`
  const writing = run('fio', '--name=disk', '--ioengine=nbd', `--uri=${uri}`, ...job, '--rate_iops=2000', '--randseed=69')
  const seen = { over: false, deathsMeanwhile: 0 }
  void writing.then(() => (seen.over = true))
  for (let death = 0; death < 4; death += 1) {
    await nextWorker(home, await killWorker(home))
    if (!seen.over) seen.deathsMeanwhile += 1
    if (death === 1) datapath = await daemon('front')
  }
  expect(await datapath['datapath-attach'](ask)).toEqual({ socket, exportName })
  expect(await writing).toMatchObject({ status: 0, output: expect.stringContaining('err= 0') as string })
  expect(seen.deathsMeanwhile).toBeGreaterThan(1)
  expect(fronts()).toHaveLength(1)
  await datapath['datapath-deactivate'](ask)
  await datapath['datapath-detach'](ask)
  expect(socketsOfFronts()).toEqual([])
  expect(existsSync(home)).toBe(false)
  await noFront()
})

test('the next domain gets a front of its own, and the one before none any more', async () => {
  datapath = await daemon('front')
  const before = await datapath['datapath-attach'](ask)
  const after = await datapath['datapath-attach']({ ...ask, domain: '8' })
  expect(after.socket).not.toBe(before.socket)
  expect(socketsOfFronts()).toEqual([`${key}.8.sock`])
  await datapath['datapath-detach'](ask)
  expect(socketsOfFronts()).toEqual([`${key}.8.sock`])
  await datapath['datapath-detach']({ ...ask, domain: '8' })
  await noFront()
})

test('where clients reconnect they are sent to the worker itself', async () => {
  datapath = await daemon('reconnect')
  const { socket, exportName } = await datapath['datapath-attach'](ask)
  expect(socket).toBe(join(home, `${key}.sock`))
  const asked = ['write -P 5 0 64k', 'read -P 5 0 64k'].flatMap((command) => ['-c', command])
  expect(await run('qemu-io', '-f', 'raw', `nbd+unix:///${exportName}?socket=${socket}`, ...asked)).toMatchObject({ status: 0 })
  expect(fronts()).toEqual([])
})
