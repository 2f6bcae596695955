import { STOP_LIMITS } from '../../../lib/core/membership/domain-stop'
import { Watchdog } from '../../../lib/daemon/watchdog/watchdog'
import { domainControl } from './domain'
import type { Machine } from './machine'
import { Process } from './process'
import { logTo } from './silent-log'

const HOST_SECONDS = 10
const RECORD_MS = 20

/** The watchdog of a host as the production code has it. */
export class WatchdogProcess {
  readonly process: Process

  constructor(machine: Machine) {
    const { world } = machine
    this.process = new Process(world, machine)
    const { clock, timers } = this.process
    const watchdog = new Watchdog({
      ...{ clock, bootClock: clock, timers, stopLimits: STOP_LIMITS, hostSeconds: HOST_SECONDS },
      log: logTo(world.say, `${machine.name} watchdog`),
      timeline: { record: (entry) => world.recorded(machine, entry) },
      recorded: () => this.process.within(RECORD_MS),
      leases: machine.leases.ofWatchdog(),
      domains: domainControl(this.process, machine.domains),
      host: {
        arm: async (seconds) => {
          await this.process.within(RECORD_MS)
          machine.hardware.arm(seconds)
        },
        pet: () => machine.hardware.pet(),
        disarm: () => {
          machine.hardware.disarm()
          return Promise.resolve()
        },
        fence: () => {
          machine.reset('fenced by its watchdog')
          return new Promise(() => undefined)
        },
      },
      killWorker: (pid) => machine.workers.killProcess(pid),
      beat: () => undefined,
    })
    watchdog.start()
  }
}
