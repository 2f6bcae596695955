import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DeciderNote } from '../lib/core/domain/decider-note'
import type { HostUuid } from '../lib/core/domain/ids'
import { PATHS, PORTS } from '../lib/core/domain/layout'
import { PoolWitness } from '../lib/daemon/host/pool-witness'
import { HostDaemon } from '../lib/daemon/host/host-daemon'
import type { HostParts } from '../lib/daemon/host/parts'
import { bootClock } from '../lib/dom0/system/boot-clock'
import { serveApi, serveApiOverTls } from '../lib/dom0/api/api-server'
import { claimNoteIn, claimNotesIn } from '../lib/dom0/witness/claim-notes-files'
import { startHeartbeats } from '../lib/dom0/heartbeat/heartbeat-socket'
import { FenceFolder } from '../lib/dom0/fence/fence-record'
import { nextIncarnation } from '../lib/dom0/heartbeat/incarnation'
import { LEASES } from '../lib/dom0/fence/lease-files'
import { IpmiPower } from '../lib/dom0/fence/ipmi-power'
import { frontProcesses } from '../lib/dom0/front/nbd-front-processes'
import { askPeerDaemon } from '../lib/dom0/api/peer-daemon-client'
import { readPoolKey } from '../lib/dom0/witness/pool-keys'
import { processLog } from '../lib/dom0/process/process-log'
import { coordinatorIn } from '../lib/dom0/system/pool-conf'
import { systemClock } from '../lib/dom0/system/system-clock'
import { systemTimers } from '../lib/dom0/system/system-timers'
import { readTimeline, TimelineFile } from '../lib/dom0/log/timeline-file'
import { takeSelfFenced } from '../lib/dom0/fence/self-fenced'
import { standbyHost } from '../lib/dom0/qemu/standby-host'
import { srRegistry } from '../lib/dom0/replica/sr-registry'
import { workerProcesses } from '../lib/dom0/process/worker-processes'
import { xenFence } from '../lib/dom0/fence/xen-fence'
import { DAEMON_ASKS } from '../lib/wire/ask-shapes'
import type { PoolSecret } from '../lib/dom0/socket/tls-psk'
import type { WitnessPort } from '../lib/ports/witness'
import { type HoldfastConfig, holdfastConfig, type HostAddresses } from '../lib/wire/config'
import { PEER_FUNCTIONS, type DaemonApi } from '../lib/wire/daemon-api'
import type { PowerSwitch } from '../lib/wire/power-settings'
import { connectXapi } from '../lib/xapi/connect'
import { connectWitnessOf } from './connect-witness'
import { PRODUCT_VERSION } from './product-version'
import { thisHost } from './this-host'

const log = processLog('holdfastd')
const PEER_LIMIT_MS = 5000
const PEER_CONNECT_MS = 500
/** Another process of ours may still be on its way out. */
const BIND_AGAIN_MS = 500
/** The end of the process waits so long for a disk that is full or silent. */
const WRITE_LIMIT_MS = 1000

function witnessesOf(config: HoldfastConfig, host: HostUuid, secret: PoolSecret): Pick<HostParts, 'witness' | 'witnesses'> {
  const at = (address: string): WitnessPort =>
    connectWitnessOf({ address, tls: config.witnessTls, secret, log, client: `daemon ${host}` })
  const preferred = at(config.witness)
  if (config.alternateWitness === null) return { witness: preferred }
  const witnesses = { preferred, alternate: at(config.alternateWitness) }
  const noteOf = (vm: string): Promise<DeciderNote | null> => claimNoteIn(PATHS.claims, vm)
  return { witness: new PoolWitness({ pool: config.pool, ...witnesses, noteOf }), witnesses }
}

function build(): {
  parts: HostParts
  timeline: TimelineFile
  secret: { pool: string; key: Buffer }
  addresses: readonly string[]
} {
  const host = thisHost()
  const config = holdfastConfig(readFileSync(PATHS.config, 'utf8'))
  const own = config.hosts[host]
  if (own === undefined) throw new Error(`${PATHS.config} does not name this host (${host})`)
  const secret = { pool: config.pool, key: readPoolKey(PATHS.poolKey) }
  const peersOn = (address: (of: HostAddresses) => string | undefined): string[] =>
    Object.entries(config.hosts)
      .flatMap(([uuid, of]) => (uuid === host ? [] : [address(of) ?? '']))
      .filter((each) => each !== '')
  const links = [
    { name: 'management', address: own.management, peers: peersOn((of) => of.management) },
    ...own.alinks.map((address, n) => ({ name: `alink${n}`, address, peers: peersOn((of) => of.alinks[n]) })),
  ]
  mkdirSync(PATHS.timeline, { recursive: true, mode: 0o700 })
  const incarnation = nextIncarnation(join(dirname(PATHS.timeline), 'incarnation'), Date.now())
  const timeline = new TimelineFile(join(PATHS.timeline, 'daemon.jsonl'), host, log)
  const parts: HostParts = {
    version: PRODUCT_VERSION,
    ...{ host, config, log, clock: systemClock, timers: systemTimers },
    timeline,
    readTimeline: () => readTimeline(PATHS.timeline),
    xapi: connectXapi({ door: { socketPath: PATHS.xapiSocket }, log }),
    writtenCoordinator: () => coordinatorIn(PATHS.poolConf, host, config.hosts),
    ...witnessesOf(config, host, secret),
    forgetNote: (vm) => claimNotesIn(PATHS.claims).forget(vm),
    workers: workerProcesses({ folder: PATHS.workers, executable: join(PATHS.bin, 'holdfast-worker'), log }),
    standbys: standbyHost(),
    fronts: frontProcesses({ folder: PATHS.fronts, executable: join(PATHS.bin, 'holdfast-front'), log }),
    srs: srRegistry({ attached: PATHS.attachedSrs, remembered: PATHS.rememberedSrs }, log),
    power: new IpmiPower(new Map(Object.entries(config.power) as [HostUuid, PowerSwitch][]), log),
    fences: new FenceFolder(PATHS.fences, log),
    askPeer: (peer, fn, ask, limitMs = PEER_LIMIT_MS) => {
      const at = config.hosts[peer]
      const addresses = at === undefined ? [] : [at.management, ...at.alinks]
      return askPeerDaemon(fn, ask, {
        host: at?.name ?? peer,
        addresses,
        port: PORTS.daemon,
        secret,
        limitMs,
        connectMs: PEER_CONNECT_MS,
      })
    },
    newUuid: randomUUID,
    takeSelfFenced: (vm) => takeSelfFenced(LEASES, vm),
    upMs: () => bootClock.nowMs(),
    domains: xenFence(),
    heartbeats: (role, received) =>
      startHeartbeats({
        ...{ pool: config.pool, host, key: secret.key, incarnation, links, role, log },
        received: ({ host: peer, link, incarnation: of, counter, role: its, sender }) =>
          received({ peer, link, incarnation: of, counter, role: its, sender }),
      }),
  }
  return { parts, timeline, secret, addresses: [own.management, ...own.alinks] }
}

async function main(): Promise<void> {
  const { parts, timeline, secret, addresses } = build()
  const daemon = new HostDaemon(parts)
  await daemon.start()
  const handlers: typeof daemon.handlers = {
    ...daemon.handlers,
    status: async (ask) => ({ ...(await daemon.handlers.status(ask)), unwritten: timeline.trouble }),
  }
  await serveApi<DaemonApi>({ socketPath: PATHS.daemonSocket, shapes: DAEMON_ASKS, handlers, log })
  const service = { secret, allow: PEER_FUNCTIONS, shapes: DAEMON_ASKS, handlers, log, port: PORTS.daemon }
  const listen = (address: string): void => {
    serveApiOverTls<DaemonApi>({ ...service, address }).catch((error: unknown) => {
      log.warn('cannot listen for other hosts yet', { address, error: String(error) })
      setTimeout(() => listen(address), BIND_AGAIN_MS)
    })
  }
  for (const address of addresses) listen(address)
  process.on('SIGTERM', () => {
    void daemon
      .stop()
      .then(() => timeline.rest(WRITE_LIMIT_MS))
      .then(() => process.exit(0))
  })
}

main().catch((error: unknown) => {
  log.error('cannot start', { error: error instanceof Error ? error.message : String(error) })
  process.exit(1)
})
