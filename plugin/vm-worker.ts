import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACE, type PaceLimits } from '../lib/core/mirror/pace'
import { Worker } from '../lib/daemon/worker/worker'
import type { WorkerParts } from '../lib/daemon/worker/parts'
import { serveApi } from '../lib/dom0/api/api-server'
import { blockDigests } from '../lib/dom0/replica/block-digests'
import type { HeldSocket } from '../lib/dom0/socket/held-socket'
import { heldSockets } from '../lib/dom0/socket/held-sockets'
import { claimNotesIn } from '../lib/dom0/witness/claim-notes-files'
import { endOfTheLast, tellMinder } from '../lib/dom0/process/minder'
import { createNbdExport } from '../lib/dom0/nbd/nbd-export'
import type { NbdListen } from '../lib/dom0/nbd/nbd-listen'
import { keepAside, putAway } from '../lib/dom0/replica/keep-aside'
import { qemuCheckpoints } from '../lib/dom0/qemu/guest-checkpoints'
import { standbyHost } from '../lib/dom0/qemu/standby-host'
import { newGeneration } from '../lib/dom0/replica/new-generation'
import { serverCertificates } from '../lib/dom0/nbd/nbd-certificates'
import { PATHS } from '../lib/core/domain/layout'
import { noWitness } from '../lib/dom0/witness/no-witness'
import { openReplica } from '../lib/dom0/replica/open-replica'
import { connectPeer } from '../lib/dom0/peer-link/connect'
import { listenPeer } from '../lib/dom0/peer-link/listen'
import { readPoolKey } from '../lib/dom0/witness/pool-keys'
import { leaseNotes, LEASES } from '../lib/dom0/fence/lease-files'
import { bootClock } from '../lib/dom0/system/boot-clock'
import { livingWatchdog } from '../lib/dom0/fence/watchdog-beat'
import { processLog } from '../lib/dom0/process/process-log'
import { SpecFile } from '../lib/dom0/process/spec-file'
import { systemClock } from '../lib/dom0/system/system-clock'
import { systemTimers } from '../lib/dom0/system/system-timers'
import { codeOf } from '../lib/dom0/system/system-error'
import { TimelineFile } from '../lib/dom0/log/timeline-file'
import type { PoolSecret } from '../lib/dom0/socket/tls-psk'
import { xl } from '../lib/dom0/fence/xl'
import { WORKER_ASKS } from '../lib/wire/ask-shapes'
import type { Log } from '../lib/ports/log'
import type { WitnessPort } from '../lib/ports/witness'
import type { ResyncSettings } from '../lib/wire/resync-settings'
import type { DiskExportAt, DiskListen, WorkerApi, WorkerSpec, WorkerStatus } from '../lib/wire/worker-api'
import { connectWitnessOf } from './connect-witness'

/**
 * `holdfast-worker FOLDER [FD:PATH ...]`: everything else is in FOLDER/spec.json. FD is a socket that its minder holds for clients that
 * connect to PATH. Ends 0 when told to stop, 75 when it is to be started again.
 */
const RESTART = 75
/** What was done is written down before it is answered, and before the process ends, unless the disk is full or silent. */
const WRITE_LIMIT_MS = 1000

async function main(folder: string, held: ReadonlyMap<string, HeldSocket>): Promise<void> {
  const specPath = join(folder, 'spec.json')
  const spec = JSON.parse(readFileSync(specPath, 'utf8')) as WorkerSpec
  const log = processLog(`worker ${spec.id.slice(0, 8)}`)
  const timeline = new TimelineFile(spec.timelineFile, spec.host, log)
  const specFile = new SpecFile(specPath, log)
  const written = (): Promise<unknown> => Promise.all([specFile.rest(WRITE_LIMIT_MS), timeline.rest(WRITE_LIMIT_MS)])
  const exportsOf = new Map(Object.entries(spec.exports ?? {}))
  const exportOf = (volume: string): DiskExportAt =>
    exportsOf.get(volume) ?? { exportName: volume, listen: { unix: join(folder, `${volume}.sock`) } }
  // Without a witness there is no peer either: a key that nobody else has.
  const secret = { pool: spec.pool, key: spec.poolKeyFile === null ? randomBytes(32) : readPoolKey(spec.poolKeyFile) }
  const link = { secret, log, security: spec.link?.security ?? 'tls' }
  const leasesIn = spec.leases ?? LEASES
  const leases = leaseNotes({ folder: leasesIn, id: spec.id, clock: systemClock, log })
  const parts: WorkerParts = {
    ...{ clock: systemClock, bootClock, leases },
    timers: systemTimers,
    log,
    timeline,
    witness: spec.witness === null ? noWitness() : witnessOf(spec, spec.witness, secret, log),
    alternate: spec.alternateWitness == null ? null : witnessOf(spec, spec.alternateWitness, secret, log),
    claimNotes: claimNotesIn(spec.claimNotesFolder ?? PATHS.claims),
    domains: xl,
    openReplica,
    serveDisk: async (volume, sizeBytes, handler, extents) => {
      const { exportName, listen } = exportOf(volume)
      const served = await createNbdExport({ listen: nbdListen(listen, held), exportName, sizeBytes, handler, extents, log })
      return Object.assign(served, { socket: 'unix' in listen ? listen.unix : served.uri })
    },
    serveView: async (volume, sizeBytes, handler) => {
      const socket = join(folder, `split-${spec.volumes.findIndex(({ key }) => key === volume)}.sock`)
      const exportName = 'disk'
      const served = await createNbdExport({ listen: { unix: socket }, exportName, sizeBytes, readOnly: true, handler, log })
      return Object.assign(served, { socket, exportName })
    },
    ...{ keepAside, putAway },
    checkpoints: qemuCheckpoints({
      host: standbyHost(),
      folder: join(PATHS.checkpoints, spec.id),
      served: (volume) => {
        const { exportName, listen } = exportOf(volume)
        return { exportName, socket: 'unix' in listen ? listen.unix : '' }
      },
    }),
    dialPeer: (dial) => connectPeer({ ...dial, ...link }),
    listenPeer: (listen) => listenPeer({ ...listen, ...link }),
    incarnation: randomUUID(),
    boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
    newGeneration,
    digest: blockDigests,
    pace: paceOf(spec.resync ?? {}),
    newLinkId: () => Date.now() * 1000 + randomInt(1000),
    restart: (reason) => {
      log.warn('restarting', { reason })
      void written().then(() => process.exit(RESTART))
    },
  }
  const worker = new Worker(spec, parts, (changed) => specFile.save(changed))
  const end = (): void => {
    void worker
      .stop()
      .then(written)
      .then(() => process.exit(0))
  }
  const noted = async <T>(done: Promise<T>): Promise<T> => {
    const answer = await done
    await specFile.rest(WRITE_LIMIT_MS)
    return answer
  }
  const { handlers } = worker
  process.on('SIGTERM', end)
  // Answers before the role is known, so that a daemon can tell a worker that waits from one that is gone.
  const served = serveApi<WorkerApi>({
    socketPath: join(folder, 'control.sock'),
    shapes: WORKER_ASKS,
    handlers: {
      ...handlers,
      status: async (ask) => {
        const status = await handlers.status(ask)
        const unwritten = timeline.trouble || specFile.trouble || leases.trouble
        return { ...status, unwritten, unguarded: unguarded(status, leasesIn) }
      },
      attach: (ask) => noted(handlers.attach(ask)),
      activate: (ask) => noted(handlers.activate(ask)),
      deactivate: (ask) => noted(handlers.deactivate(ask)),
      detach: (ask) => noted(handlers.detach(ask)),
      protect: (ask) => noted(handlers.protect(ask)),
      unprotect: (ask) => noted(handlers.unprotect(ask)),
      'set-peer': (ask) => noted(handlers['set-peer'](ask)),
      stop: () => {
        setImmediate(end)
        return Promise.resolve(null)
      },
    },
    log,
  })
  await Promise.all([served, worker.start()])
  for (const socket of held.values()) await socket.settle()
  tellMinderOf(folder, log)
  const last = endOfTheLast()
  if (last === null) return
  timeline.record({
    ...{ vm: spec.vm, act: 'worker-restarted', rule: 'worker-ended' },
    text: 'The worker process ended and was started again.',
    evidence: { worker: spec.id, status: Number(last) },
  })
}

/** A guest that no other host may start needs no watchdog. */
function unguarded({ role, guestActive }: WorkerStatus, leases: string): string {
  if (role !== 'primary' || !guestActive || livingWatchdog(leases, systemClock.nowMs()) !== null) return ''
  return 'no self-fence: the watchdog of this host does not run (systemctl status holdfast-watchdog)'
}

function tellMinderOf(folder: string, log: Log): void {
  try {
    tellMinder(folder)
  } catch (error) {
    if (codeOf(error) === '') throw error
    log.warn('the minder cannot be told that the worker is up', { error: codeOf(error) })
  }
}

function witnessOf({ witnessTls = null, host, id }: WorkerSpec, address: string, secret: PoolSecret, log: Log): WitnessPort {
  return connectWitnessOf({ address, tls: witnessTls, secret, client: `worker ${host} ${id}`, log })
}

/** A rate that is never to be exceeded is not exceeded for the sake of the usual least one. */
function paceOf(settings: ResyncSettings): Partial<PaceLimits> {
  const most = settings.bytesPerSecondMax ?? PACE.bytesPerSecondMax
  return { bytesPerSecondMin: Math.min(PACE.bytesPerSecondMin, most), ...settings }
}

function nbdListen(listen: DiskListen, held: ReadonlyMap<string, HeldSocket>): NbdListen {
  if ('unix' in listen) {
    const socket = held.get(listen.unix)
    return socket?.isThere === true ? { held: socket } : listen
  }
  const { host, port, certificates } = listen.tcp
  return { tcp: { host, port, ...(certificates === null ? {} : { tls: serverCertificates(certificates) }) } }
}

const [folder, ...held] = process.argv.slice(2)
if (folder === undefined) {
  process.stderr.write('usage: holdfast-worker FOLDER [FD:PATH ...]\n')
  process.exit(64)
}
void main(folder, heldSockets(held))
