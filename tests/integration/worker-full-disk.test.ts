import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostUuid, volumeKey } from '../../lib/core/domain/ids'
import { openReplica } from '../../lib/dom0/replica/open-replica'
import { codeOf } from '../../lib/dom0/system/system-error'
import { readTimeline } from '../../lib/dom0/log/timeline-file'
import { workerProcesses } from '../../lib/dom0/process/worker-processes'
import type { WorkerSpec, WorkerStatus } from '../../lib/wire/worker-api'
import { NO_MOUNTS, SmallFileSystem } from '../contracts/small-file-system'
import { QuietLog } from './quiet-log'
import { run } from './run-client'
import { killWorker, nextWorker, WorkerExecutables } from './worker-executables'
import { eventually } from './worker-host'

jest.setTimeout(60_000)

const MIB = 1024 * 1024
const ID = 'eeeeeeee-0000-4000-8000-000000000001'
const KEY = volumeKey('dddddddd-0000-4000-8000-000000000001')
const PIECE = 4096

;(NO_MOUNTS === '' ? test : test.skip)(
  `a worker whose spec, log and timeline are on a full file system serves its disk${NO_MOUNTS === '' ? '' : ` (left out: ${NO_MOUNTS})`}`,
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-full-'))
    const executable = new WorkerExecutables(join(folder, 'bin')).worker
    const image = join(folder, 'disk.raw')
    const replica = await openReplica({ key: KEY, sizeBytes: MIB, path: image }, true)
    await replica.save({ state: 'up-to-date' })
    await replica.close()
    const small = SmallFileSystem.mount(MIB)
    const home = join(small.path, 'workers', ID)
    const socket = join(small.path, 'disk.sock')
    const workers = workerProcesses({ folder: join(small.path, 'workers'), executable, log: new QuietLog() })
    const spec: WorkerSpec = {
      ...{ format: 1, id: ID, pool: KEY, host: hostUuid('aaaaaaaa-0000-4000-8000-000000000001'), vm: null, witness: null },
      ...{ poolKeyFile: null, listen: null, peer: null, attached: {} },
      timelineFile: join(small.path, 'timeline', 'worker.jsonl'),
      volumes: [{ key: KEY, sizeBytes: MIB, path: image }],
      exports: { [KEY]: { exportName: KEY, listen: { unix: socket } } },
      leases: join(small.path, 'leases'),
    }
    const status = (): Promise<WorkerStatus> =>
      eventually('the worker answers', async () => {
        try {
          return await workers.ask(ID, 'status', {}, 5000)
        } catch (error) {
          if (codeOf(error) === '') throw error
          return null
        }
      })
    const writes = async (byte: number): Promise<void> => {
      const disk = `driver=nbd,server.type=unix,server.path=${socket},export=${KEY},reconnect-delay=30`
      const commands = [`write -P ${byte} ${byte * PIECE} ${PIECE}`, 'flush', `read -P ${byte} ${byte * PIECE} ${PIECE}`]
      const said = await run('qemu-io', '--image-opts', disk, ...commands.flatMap((command) => ['-c', command]))
      expect(said).toMatchObject({ status: 0, output: expect.not.stringContaining('failed') as string })
      expect(readFileSync(image)[byte * PIECE]).toBe(byte)
    }
    const acts = (): string[] => readTimeline(join(small.path, 'timeline')).map(({ act }) => act)
    try {
      await workers.start(spec)
      await status()
      await workers.ask(ID, 'attach', { volume: KEY, domain: '0' }, 5000)
      await writes(1)
      await eventually('the first entries', () => Promise.resolve(acts().length > 0 ? true : null))
      small.fill()
      const before = acts().length

      await nextWorker(home, await killWorker(home))
      small.fill()
      const served = await eventually('the next worker serves', async () => {
        const { role, volumes } = await status()
        return role === 'solo' ? (volumes[0] ?? null) : null
      })
      expect(served).toMatchObject({ localReplica: 'up-to-date', attachedTo: '0' })
      await writes(2)
      await workers.ask(ID, 'activate', { volume: KEY, domain: '0' }, 5000)
      await eventually('status says so', async () => (/cannot be .*ENOSPC/.test((await status()).unwritten ?? '') ? true : null))
      await writes(3)

      small.makeRoom()
      await eventually('all is noted', async () => ((await status()).unwritten === '' ? true : null))
      expect(acts().slice(before)).toContain('worker-restarted')
      const kept = JSON.parse(readFileSync(join(home, 'spec.json'), 'utf8')) as WorkerSpec
      expect(kept.attached).toEqual({ [KEY]: { domain: '0', active: true } })
    } finally {
      await workers.remove(ID)
      small.unmount()
      rmSync(folder, { recursive: true })
    }
  },
)
