import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { hostUuid } from '../lib/core/domain/ids'
import { STOP_LIMITS } from '../lib/core/membership/domain-stop'
import { Watchdog } from '../lib/daemon/watchdog/watchdog'
import { bootClock } from '../lib/dom0/system/boot-clock'
import { hostFence } from '../lib/dom0/fence/host-fence'
import { leaseFolder } from '../lib/dom0/fence/lease-files'
import { plainLog } from '../lib/dom0/log/plain-log'
import { killWorker } from '../lib/dom0/process/process-identity'
import { systemClock } from '../lib/dom0/system/system-clock'
import { codeOf, textOf } from '../lib/dom0/system/system-error'
import { systemTimers } from '../lib/dom0/system/system-timers'
import { TimelineFile } from '../lib/dom0/log/timeline-file'
import { watchdogBeats } from '../lib/dom0/fence/watchdog-beat'
import { xenFence } from '../lib/dom0/fence/xen-fence'
import type { Log } from '../lib/ports/log'
import { HOST_WATCHDOG, type HostWatchdogSettings, hostWatchdogSettings } from '../lib/wire/host-watchdog-settings'
import { fields, jsonObject, Malformed } from '../lib/wire/shape'

export interface GuardedPaths {
  readonly config: string
  readonly inventory: string
  /** Folder. */
  readonly timeline: string
  /** Folder. */
  readonly leases: string
}

/** The end of the process waits so long for a disk that is full or silent. */
const WRITE_LIMIT_MS = 1000

/** Runs the watchdog of this host until SIGTERM, which ends the process with status 0. */
export function guardHost(paths: GuardedPaths, stopLimits = STOP_LIMITS): void {
  const log = plainLog('holdfast-watchdog')
  const inventory = readFileSync(paths.inventory, 'utf8')
  const host = hostUuid(/^INSTALLATION_UUID='?([0-9a-f-]+)'?$/m.exec(inventory)?.[1] ?? '')
  const timeline = new TimelineFile(join(paths.timeline, 'watchdog.jsonl'), host, log)
  const { device, seconds, module, fence } = settings(paths.config, log)
  const watchdog = new Watchdog({
    ...{ clock: systemClock, bootClock, timers: systemTimers, log, timeline, killWorker },
    recorded: (limitMs) => timeline.rest(limitMs),
    leases: leaseFolder(paths.leases, log),
    domains: xenFence(),
    host: hostFence({ device, module, fence, log }),
    stopLimits,
    hostSeconds: device === null ? 0 : seconds,
    beat: watchdogBeats(paths.leases, log),
  })
  process.on('SIGTERM', () => {
    log.info('told to stop: no guest is guarded any more')
    void watchdog
      .stop()
      .then(() => timeline.rest(WRITE_LIMIT_MS))
      .then(() => process.exit(0))
  })
  watchdog.start()
  log.info('guarding', { host, device, seconds })
}

/** Whatever is wrong with the configuration, guests are stopped: only the host's own watchdog has settings. */
function settings(path: string, log: Log): HostWatchdogSettings {
  try {
    const { hostWatchdog } = jsonObject(readFileSync(path, 'utf8'))
    return hostWatchdog === undefined ? HOST_WATCHDOG : hostWatchdogSettings(fields(hostWatchdog, 'hostWatchdog'))
  } catch (error) {
    if (codeOf(error) === '' && !(error instanceof Malformed)) throw error
    log.error("the host's watchdog is not used, because its settings cannot be read", { path, error: textOf(error) })
    return HOST_WATCHDOG
  }
}
