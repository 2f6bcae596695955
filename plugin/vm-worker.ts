import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACE, type PaceLimits } from '../lib/core/mirror/pace'
import { Worker } from '../lib/daemon/worker/worker'
import type { WorkerParts } from '../lib/daemon/worker/parts'
import { serveApi } from '../lib/dom0/api-server'
import { blockDigests } from '../lib/dom0/block-digests'
import type { HeldSocket } from '../lib/dom0/held-socket'
import { heldSockets } from '../lib/dom0/held-sockets'
import { endOfTheLast, tellMinder } from '../lib/dom0/minder'
import { createNbdExport } from '../lib/dom0/nbd-export'
import type { NbdListen } from '../lib/dom0/nbd-listen'
import { newGeneration } from '../lib/dom0/new-generation'
import { serverCertificates } from '../lib/dom0/nbd-certificates'
import { noWitness } from '../lib/dom0/no-witness'
import { openReplica } from '../lib/dom0/open-replica'
import { connectPeer } from '../lib/dom0/peer-link/connect'
import { listenPeer } from '../lib/dom0/peer-link/listen'
import { readPoolKey } from '../lib/dom0/pool-keys'
import { processLog } from '../lib/dom0/process-log'
import { systemClock } from '../lib/dom0/system-clock'
import { timelineFile } from '../lib/dom0/timeline-file'
import { connectWitness } from '../lib/dom0/witness-client'
import { xl } from '../lib/dom0/xl'
import { WORKER_ASKS } from '../lib/wire/ask-shapes'
import type { ResyncSettings } from '../lib/wire/resync-settings'
import type { DiskListen, WorkerApi, WorkerSpec } from '../lib/wire/worker-api'

/**
 * `holdfast-worker FOLDER [FD:PATH ...]`: everything else is in FOLDER/spec.json. FD is a socket that its minder holds for clients that
 * connect to PATH. Ends 0 when told to stop, 75 when it is to be started again.
 */
const RESTART = 75

async function main(folder: string, held: ReadonlyMap<string, HeldSocket>): Promise<void> {
  const specFile = join(folder, 'spec.json')
  const spec = JSON.parse(readFileSync(specFile, 'utf8')) as WorkerSpec
  const log = processLog(`worker ${spec.id.slice(0, 8)}`)
  const exportsOf = new Map(Object.entries(spec.exports ?? {}))
  // Without a witness there is no peer either: a key that nobody else has.
  const secret = { pool: spec.pool, key: spec.poolKeyFile === null ? randomBytes(32) : readPoolKey(spec.poolKeyFile) }
  const link = { secret, log, security: spec.link?.security ?? 'tls' }
  const parts: WorkerParts = {
    clock: systemClock,
    log,
    timeline: timelineFile(spec.timelineFile, spec.host),
    witness:
      spec.witness === null
        ? noWitness()
        : connectWitness({ address: spec.witness, ...secret, client: `worker ${spec.host} ${spec.id}`, log }),
    domains: xl,
    openReplica,
    serveDisk: async (volume, sizeBytes, handler) => {
      const { exportName, listen } = exportsOf.get(volume) ?? {
        exportName: volume,
        listen: { unix: join(folder, `${volume}.sock`) },
      }
      const served = await createNbdExport({ listen: nbdListen(listen, held), exportName, sizeBytes, handler, log })
      return Object.assign(served, { socket: 'unix' in listen ? listen.unix : served.uri })
    },
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
      process.exit(RESTART)
    },
  }
  const worker = new Worker(spec, parts, (changed) => {
    writeFileSync(`${specFile}.new`, JSON.stringify(changed, null, 1), { mode: 0o600 })
    renameSync(`${specFile}.new`, specFile)
  })
  const end = (): void => {
    void worker.stop().then(() => process.exit(0))
  }
  process.on('SIGTERM', end)
  // Answers before the role is known, so that a daemon can tell a worker that waits from one that is gone.
  const served = serveApi<WorkerApi>({
    socketPath: join(folder, 'control.sock'),
    shapes: WORKER_ASKS,
    handlers: {
      ...worker.handlers,
      stop: () => {
        setImmediate(end)
        return Promise.resolve(null)
      },
    },
    log,
  })
  await Promise.all([served, worker.start()])
  for (const socket of held.values()) await socket.settle()
  tellMinder(folder)
  const last = endOfTheLast()
  if (last === null) return
  parts.timeline.record({
    ...{ vm: spec.vm, act: 'worker-restarted', rule: 'worker-ended' },
    text: 'The worker process ended and was started again.',
    evidence: { worker: spec.id, status: Number(last) },
  })
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
