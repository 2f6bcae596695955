import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import { RestartPause } from '../../lib/core/standalone/restart-pause'
import { attendWorker } from '../../lib/dom0/mirror/attend'
import { socketsToHold } from '../../lib/dom0/socket/held-sockets'
import { minderArguments, minderEnvironment } from '../../lib/dom0/process/minder'
import { mirrorIds } from '../../lib/dom0/mirror/identity'
import { KeptFront } from '../../lib/dom0/mirror/kept-front'
import { keepProcess, type Life } from '../../lib/dom0/mirror/kept-process'
import { processLog } from '../../lib/dom0/process/process-log'
import { withItsParent } from '../../lib/dom0/process/with-its-parent'
import type { Log } from '../../lib/ports/log'
import { mirrorOptions, type MirrorArguments, type MirrorOptions } from '../../lib/wire/mirror-options'
import type { WorkerSpec } from '../../lib/wire/worker-api'
import { prepareSide } from './mirror-prepare'
import { removeSockets } from './mirror-sockets'
import { behindFront } from './mirror-spec'

export function registerMirrorServe(mirror: Command): void {
  mirror
    .command('serve')
    .description('one side of a mirror, in the foreground: the disk is served where the claim is held')
    .requiredOption('--name <name>', 'the name of the mirror, the same on both sides')
    .requiredOption('--host <name>', 'the name of this side')
    .requiredOption('--folder <dir>', 'state of this side: specification, control socket, timeline; not for the replica')
    .requiredOption('--replica <place>', 'file:PATH, dev:PATH, nbd:unix:PATH[:NAME] or nbd:tcp:HOST:PORT[:NAME]')
    .requiredOption('--listen <address>', 'where the disk is served: unix:PATH or tcp:HOST:PORT')
    .requiredOption('--witness <host:port>', 'the third vote; "none" for a mirror of one')
    .option('--size <bytes>', 'size of a new replica: 10G, 512M, or bytes')
    .option('--link <host:port,...>', 'addresses of this side for its peer, one for each link')
    .option('--peer <name=host:port,...>', 'name and addresses of the other side')
    .option('--key <file>', 'the key that both sides and the witness share')
    .option('--create', 'once, on one side: begin the mirror with what its replica holds')
    .option('--overwrite', 'once: give up what is there, the other side fills it')
    .option('--front', 'keep the connections of clients that cannot reconnect while the worker is started again')
    .option('--resync-latency <ms>', 'resyncs yield while the disk takes longer to answer (20)')
    .option('--resync-min <rate>', 'bytes per second that a resync gets at least (8000000)')
    .option('--resync-max <rate>', 'bytes per second that a resync gets at most')
    .option('--tls <folder>', 'serve over TCP with ca-cert.pem, server-cert.pem and server-key.pem of this folder')
    .option('--plain', 'no encryption between the sides; on loopback addresses only, to measure')
    .action(async (given: MirrorArguments) => {
      await serveSide(mirrorOptions({ ...given, ...wholePaths(given) }))
    })
}

const wholePaths = ({ folder, key, tls }: MirrorArguments): Partial<MirrorArguments> => ({
  folder: resolve(folder),
  ...(key === undefined ? {} : { key: resolve(key) }),
  ...(tls === undefined ? {} : { tls: resolve(tls) }),
})

async function serveSide(options: MirrorOptions): Promise<void> {
  const { name, folder, listen } = options
  const log = processLog(`mirror ${name}`)
  const executable = beside('holdfast-worker')
  const frontPause = new RestartPause()
  const front = options.front && 'unix' in listen ? keptFront(options, listen.unix, frontPause, log) : null
  const spec = await prepareSide(options, log)
  removeSockets(options)
  const pause = new RestartPause()
  const worker = keepProcess({
    name: "the worker's minder",
    life: () => keptWorker(spec, executable, folder),
    log,
    pauseMs: () => pause.ended(),
  })
  const over = new AbortController()
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => void worker.stop())
  try {
    await Promise.all([
      worker.ended.finally(() => over.abort()),
      attendWorker({
        ...{ controlSocket: join(folder, 'control.sock'), volume: mirrorIds(name).volume, log },
        seen: (role) => {
          pause.up()
          frontPause.up()
          front?.wanted(role !== 'secondary')
        },
        ...{ isUp: () => pause.isUp, until: over.signal },
      }),
    ])
  } finally {
    await front?.stop()
    await worker.stop()
    removeSockets(options)
  }
  log.info('the mirror is no longer served here')
}

async function keptWorker(spec: WorkerSpec, executable: string, folder: string): Promise<Life> {
  const { files, argv, release } = await socketsToHold(spec, folder)
  const worker = withItsParent([process.execPath, executable, folder, ...argv], 'minder')
  return { command: ['sh', ...minderArguments(folder, worker)], env: minderEnvironment(), files, started: release }
}

function keptFront(options: MirrorOptions, listen: string, pause: RestartPause, log: Log): KeptFront {
  const argv = ['--listen', listen, '--to', behindFront(options), '--export', options.name]
  const command = [process.execPath, beside('holdfast-front'), ...argv]
  const life = (): Promise<Life> => Promise.resolve({ command, env: process.env, files: [], started: () => undefined })
  return new KeptFront(listen, () => ({ name: 'the front', life, log, pauseMs: () => pause.ended() }))
}

/** Another executable of the same build: beside this one, or where a checkout has it. */
function beside(executable: string): string {
  const here = dirname(realpathSync(process.argv[1] ?? ''))
  const places = [join(here, executable), join(here, '..', 'dom0', executable)]
  const found = places.find((place) => existsSync(place))
  if (found === undefined) throw new Error(`${executable} is not installed: looked for ${places.join(' and ')}`)
  return found
}
