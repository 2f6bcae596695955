import type { WatchdogBeat } from '../../ports/watchdog-beat'
import type { WatchdogParts } from './parts'

/** A device that cannot be opened is tried again so often. */
const ARM_AGAIN_MS = 10_000

/** The hardware's watchdog as wanted: armed as soon as it can be, and told of once when it cannot. */
export class HostWatchdog {
  #wanted = false
  #armed = false
  #arming = false
  #trouble = ''
  #nextTryMs = Number.NEGATIVE_INFINITY

  constructor(private readonly parts: Pick<WatchdogParts, 'host' | 'hostSeconds' | 'clock' | 'log'>) {}

  get state(): WatchdogBeat['hostWatchdog'] {
    if (this.#armed) return 'armed'
    return this.#trouble === '' ? 'off' : { trouble: this.#trouble }
  }

  on(): void {
    this.#wanted = this.parts.hostSeconds > 0
    this.#nextTryMs = Number.NEGATIVE_INFINITY
  }

  pet(): void {
    if (!this.#wanted) return
    this.#armed &&= this.parts.host.pet()
    if (!this.#armed && !this.#arming && this.parts.clock.nowMs() >= this.#nextTryMs) void this.#arm()
  }

  /** A watchdog that died left it running: once it is ours, it can be ended. */
  takeOver(): void {
    if (this.parts.hostSeconds > 0 && !this.#armed && !this.#arming) void this.#arm()
  }

  async off(): Promise<void> {
    this.#wanted = false
    this.#trouble = ''
    if (!this.#armed) return
    this.#armed = false
    await this.parts.host.disarm()
  }

  async #arm(): Promise<void> {
    const { host, hostSeconds, clock, log } = this.parts
    this.#arming = true
    this.#nextTryMs = clock.nowMs() + ARM_AGAIN_MS
    try {
      await host.arm(hostSeconds)
      this.#armed = true
      if (this.#trouble !== '') log.info("the host's watchdog runs now")
      this.#trouble = ''
    } catch (error) {
      if (this.#trouble === '') log.error("the host's watchdog cannot be had", { error: String(error) })
      this.#trouble = error instanceof Error ? error.message : String(error)
    }
    this.#arming = false
    // Nobody wants it any more since it was asked for.
    if (this.#armed && !this.#isWanted()) await this.off()
  }

  #isWanted(): boolean {
    return this.#wanted
  }
}
