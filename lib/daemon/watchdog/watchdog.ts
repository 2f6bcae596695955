import { unreachable } from '../../core/domain/assert'
import { vmUuid } from '../../core/domain/ids'
import type { LeaseNote } from '../../core/domain/lease-note'
import { SelfFence, type SelfFenceAct, type SelfFenceEffect, type Stopped } from '../../core/membership/self-fence'
import type { Timer } from '../../ports/timers'
import { DomainStopper, type Stop } from './domain-stopper'
import { HostWatchdog } from './host-watchdog'
import type { WatchdogParts } from './parts'

const ROUND_EVERY_MS = 50
const BEAT_EVERY_MS = 1000
/** The reason of a reset should be on the disk; a disk that is silent does not put the reset off. */
const RECORD_LIMIT_MS = 200

/** The loop around SelfFence: reads the leases, does what it says. Waits for nothing in a round. */
export class Watchdog {
  readonly #machine: SelfFence
  readonly #hardware: HostWatchdog
  readonly #stopper: DomainStopper
  readonly #timers: Timer[] = []
  #roundAtMs: number | null = null
  #worstLagMs = 0
  #leases: readonly LeaseNote[] = []

  constructor(private readonly parts: WatchdogParts) {
    this.#machine = new SelfFence(parts.stopLimits)
    this.#hardware = new HostWatchdog(parts)
    this.#stopper = new DomainStopper(parts)
  }

  start(): void {
    const { timers } = this.parts
    this.#round()
    this.#hardware.takeOver()
    this.#beat()
    this.#timers.push(timers.every(ROUND_EVERY_MS, () => this.#round()))
    this.#timers.push(timers.every(BEAT_EVERY_MS, () => this.#beat()))
  }

  /** By the operator's will: nothing is guarded any more, and the machine not reset for it. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) timer.stop()
    await this.#hardware.off()
  }

  #round(): void {
    const nowMs = this.parts.clock.nowMs()
    if (this.#roundAtMs !== null) this.#worstLagMs = Math.max(this.#worstLagMs, nowMs - this.#roundAtMs - ROUND_EVERY_MS)
    this.#roundAtMs = nowMs
    this.#leases = this.parts.leases.read()
    this.#do(this.#machine.apply({ on: 'tick', nowMs, bootMs: this.parts.bootClock.nowMs(), leases: this.#leases }))
  }

  #beat(): void {
    const [worstLagMs, leases] = [this.#worstLagMs, this.#leases.length]
    this.#worstLagMs = 0
    this.parts.beat({ atMs: this.parts.clock.nowMs(), hostWatchdog: this.#hardware.state, worstLagMs, leases })
  }

  #do(effects: readonly SelfFenceEffect[]): void {
    for (const effect of effects) {
      switch (effect.do) {
        case 'stop':
          void this.#stop(effect)
          break
        case 'tell':
          this.#tell(effect.act, TEXT[effect.act], effect.lease, { domid: effect.domid, overdueMs: Math.round(effect.overdueMs) })
          break
        case 'kill-worker':
          this.#kill(effect.lease, effect.silentMs)
          break
        case 'arm':
          this.#hardware.on()
          break
        case 'pet':
          this.#hardware.pet()
          break
        case 'disarm':
          void this.#hardware.off()
          break
        case 'fence-host':
          void this.#fence(effect)
          break
        default:
          unreachable(effect, 'watchdog')
      }
    }
  }

  async #stop(stop: Stop): Promise<void> {
    const { domid, verb, attempt, lease } = stop
    const isWanted = (): boolean => this.#machine.wants(domid, attempt)
    if (verb === 'pause') {
      await this.#answer(stop, this.#stopper.pause(stop, isWanted))
      return
    }
    const { stopped, ended } = this.#stopper.destroy(stop, isWanted)
    const wasWanted = await this.#answer(stop, stopped)
    // The lease was confirmed meanwhile; what had been begun could not be called back.
    if (!wasWanted && (await ended)) this.#tell('guest-destroyed', TEXT['guest-destroyed'], lease, { domid })
  }

  /** Whether it mattered. */
  async #answer({ verb, domid, attempt }: Stop, stopped: Promise<Stopped | null>): Promise<boolean> {
    const { clock, log } = this.parts
    let answer: Stopped | null
    try {
      answer = await stopped
    } catch (error) {
      // The toolstack's own words; the machine decides what comes next.
      log.error(`cannot ${verb} the domain`, { domid, error: String(error) })
      answer = null
    }
    const isWanted = this.#machine.wants(domid, attempt)
    const about = { domid, attempt, nowMs: clock.nowMs() }
    this.#do(this.#machine.apply(answer === null ? { on: 'not-stopped', ...about } : { on: 'stopped', ...about, ...answer }))
    return isWanted
  }

  #kill(lease: LeaseNote, silentMs: number): void {
    if (!this.parts.killWorker(lease.pid, lease.startedTicks)) return
    this.#tell('worker-killed', WORKER_KILLED, lease, { pid: lease.pid, silentMs: Math.round(silentMs) }, 'worker-silent')
  }

  async #fence({ domid, lease, overdueMs }: Extract<SelfFenceEffect, { do: 'fence-host' }>): Promise<void> {
    const { host, log, recorded } = this.parts
    this.#tell('host-fenced', HOST_FENCED, lease, { domid, overdueMs: Math.round(overdueMs) }, 'guest-not-stopped')
    await recorded(RECORD_LIMIT_MS)
    try {
      await host.fence()
    } catch (error) {
      log.error('this host cannot be fenced', { error: String(error) })
    }
  }

  #tell(
    act: string,
    text: string,
    { id }: LeaseNote,
    evidence: Readonly<Record<string, string | number>>,
    rule = 'lease-over',
  ): void {
    this.parts.log.warn(text, { vm: id, ...evidence })
    this.parts.timeline.record({ vm: vmUuid(id), act, rule, text, evidence })
  }
}

const TEXT: Readonly<Record<SelfFenceAct, string>> = {
  'guest-paused': 'The lease ended and its worker did not stop the VM: the watchdog of this host paused it.',
  'pause-unconfirmed':
    'The lease ended and nobody could tell in time that the VM stands: the watchdog of this host destroys it if it does not.',
  'guest-destroyed': 'The lease ended: the watchdog of this host destroyed the VM here.',
}
const WORKER_KILLED =
  'The worker of the VM was silent for long after its lease had ended: the watchdog ended the process, so that another one starts.'
const HOST_FENCED = 'The lease ended and the VM could not be stopped: the watchdog resets this host.'
