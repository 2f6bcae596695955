/**
 * The watchdog of one host: stops guests whose workers do not, when a lease has ended. Each domain whose deadline is over:
 *
 *     due ──HEAD_START_MS──> pause asked ──stopped──> held ──againMs──> pause asked
 *                               │ STOP_LIMITS.pause
 *                               v
 *                          destroy asked ──stopped──> held, and gone in the end
 *                               │ STOP_LIMITS.destroy
 *                               v
 *              the host is fenced, and its hardware's watchdog no longer petted
 *
 * Where the worker only wants a pause, a domain that turns out to stand is not destroyed, but held like one that was paused.
 *
 * A later deadline takes a domain out of it, wherever it is; to let the guest run again is its worker's business.
 *
 * Must never: let a domain run past its deadline without asking for its end; take what was asked for as done.
 */
import { unreachable } from '../domain/assert'
import type { LeaseNote } from '../domain/lease-note'
import * as limits from './domain-stop'
import type { DomainStop, StopVerb } from './domain-stop'
import { StoodStill } from './stood-still'

/** All times are milliseconds of the machine's monotonic clock. */
export type SelfFenceEvent =
  /** `bootMs`: of the clock that also counts while the machine is suspended. */
  | { readonly on: 'tick'; readonly nowMs: number; readonly bootMs: number; readonly leases: readonly LeaseNote[] }
  | ({ readonly on: 'stopped' } & Answer & Stopped)
  | ({ readonly on: 'not-stopped' } & Answer)

interface Answer {
  readonly domid: string
  readonly attempt: number
  readonly nowMs: number
}

/** The domain's vCPUs do not run, as the toolstack says. */
export interface Stopped {
  /** They did before this attempt. */
  readonly ours: boolean
  /** They never will again. */
  readonly gone: boolean
}

export type SelfFenceEffect =
  /** To be answered, once, with its attempt. */
  | { readonly do: 'stop'; readonly verb: StopVerb; readonly domid: string; readonly attempt: number; readonly lease: LeaseNote }
  | {
      readonly do: 'tell'
      readonly act: SelfFenceAct
      readonly domid: string
      readonly lease: LeaseNote
      readonly overdueMs: number
    }
  /** The worker is stuck; its minder starts another. */
  | { readonly do: 'kill-worker'; readonly lease: LeaseNote; readonly silentMs: number }
  /** The hardware's watchdog: begin, go on, end. */
  | { readonly do: 'arm' | 'pet' | 'disarm' }
  | { readonly do: 'fence-host'; readonly domid: string; readonly lease: LeaseNote; readonly overdueMs: number }

export type SelfFenceAct = 'guest-paused' | 'pause-unconfirmed' | 'guest-destroyed'

/** A worker that has written nothing for so long, and so long past its deadline, does not come back by itself. */
export const WORKER_SILENT_MS = 10_000
/** A fence that did not end this machine is asked for again. */
export const FENCE_AGAIN_MS = 1000

interface Overdue {
  readonly lease: LeaseNote
  readonly untilMs: number
}

export class SelfFence {
  readonly #stops = new Map<string, DomainStop>()
  readonly #stoodStill = new StoodStill()
  /** By lease. */
  readonly #killedAtMs = new Map<string, number>()
  #attempts = 0
  #armed = false
  #out: SelfFenceEffect[] = []

  constructor(private readonly stopLimits: limits.StopLimits = limits.STOP_LIMITS) {}

  apply(event: SelfFenceEvent): readonly SelfFenceEffect[] {
    this.#out = []
    switch (event.on) {
      case 'tick':
        this.#tick(event)
        break
      case 'stopped':
      case 'not-stopped':
        this.#answer(event)
        break
      default:
        unreachable(event, 'self-fence')
    }
    return this.#out
  }

  /** Whether an attempt still matters. */
  wants(domid: string, attempt: number): boolean {
    return this.#stops.get(domid)?.attempt === attempt
  }

  #tick({ nowMs, bootMs, leases }: Extract<SelfFenceEvent, { on: 'tick' }>): void {
    this.#stoodStill.look(nowMs, bootMs)
    const overdue = this.#overdue(leases, nowMs)
    for (const [domid, { untilMs }] of this.#stops) if (overdue.get(domid)?.untilMs !== untilMs) this.#stops.delete(domid)
    for (const [domid, due] of overdue) this.#push(domid, due, nowMs)
    this.#killSilent(leases, nowMs)
    this.#hardware(leases.some(({ untilMs, domids }) => untilMs !== null && domids.length > 0))
  }

  #overdue(leases: readonly LeaseNote[], nowMs: number): Map<string, Overdue> {
    const overdue = new Map<string, Overdue>()
    for (const lease of leases) {
      const untilMs = this.#untilMs(lease)
      if (untilMs === null || nowMs < untilMs) continue
      for (const domid of lease.domids) overdue.set(domid, stricter({ lease, untilMs }, overdue.get(domid)))
    }
    return overdue
  }

  /** What was promised before the machine was suspended is worth nothing after: the promise ran on elsewhere. */
  #untilMs({ untilMs, toldAtMs }: LeaseNote): number | null {
    const wokeAtMs = this.#stoodStill.lastWokeAtMs
    return untilMs === null || wokeAtMs === null || toldAtMs >= wokeAtMs ? untilMs : Math.min(untilMs, wokeAtMs)
  }

  #push(domid: string, { lease, untilMs }: Overdue, nowMs: number): void {
    if (lease.then === 'pause' && nowMs < untilMs + limits.HEAD_START_MS) return
    const stop = this.#stops.get(domid) ?? limits.beginStop(lease, untilMs, nowMs)
    this.#stops.set(domid, stop)
    stop.lease = lease
    if (stop.state === 'gone') return
    if (lease.then === 'destroy' && stop.verb === 'pause') limits.turnToDestroy(stop, nowMs)
    if (stop.state === 'held' && nowMs >= stop.sinceMs + stop.againMs) Object.assign(stop, { state: 'asking', sinceMs: nowMs })
    if (stop.state === 'held') return
    this.#escalate(domid, stop, nowMs)
    if (stop.attempt !== null) return
    this.#attempts += 1
    stop.attempt = this.#attempts
    this.#out.push({ do: 'stop', verb: stop.verb, domid, attempt: stop.attempt, lease })
  }

  #escalate(domid: string, stop: DomainStop, nowMs: number): void {
    const limitMs = stop.everStopped ? limits.HOLD_LIMIT_MS : this.#limitMs(stop)
    if (nowMs < stop.sinceMs + limitMs) return
    const overdueMs = nowMs - stop.untilMs
    if (stop.verb === 'pause') {
      limits.turnToDestroy(stop, nowMs)
      this.#out.push({ do: 'tell', act: 'pause-unconfirmed', domid, lease: stop.lease, overdueMs })
    } else if (nowMs >= stop.fencedAtMs + FENCE_AGAIN_MS) {
      stop.fencedAtMs = nowMs
      this.#out.push({ do: 'fence-host', domid, lease: stop.lease, overdueMs })
    }
  }

  /** From when it was first asked for. */
  #limitMs({ verb, lease }: DomainStop): number {
    if (verb === 'destroy') return this.stopLimits.destroy
    return Math.max(this.stopLimits.pause, lease.pauseWithinMs - limits.HEAD_START_MS)
  }

  /** Only the newest attempt counts: after an older one the guest may have been let go again. */
  #answer(event: Exclude<SelfFenceEvent, { on: 'tick' }>): void {
    const stop = this.#stops.get(event.domid)
    if (stop === undefined || !this.wants(event.domid, event.attempt)) return
    stop.attempt = null
    if (event.on === 'not-stopped') return
    const { verb, lease, untilMs } = stop
    if (event.ours) {
      const act = verb === 'pause' ? 'guest-paused' : 'guest-destroyed'
      this.#out.push({ do: 'tell', act, domid: event.domid, lease, overdueMs: event.nowMs - untilMs })
    }
    // Before it was destroyed somebody saw it stand: it need only be held.
    if (!event.ours && !event.gone) stop.verb = lease.then
    stop.everStopped = true
    stop.againMs = event.ours || lease.isPaused ? limits.HOLD_AGAIN_MS : limits.LOOK_AGAIN_MS
    stop.state = event.gone ? 'gone' : 'held'
    stop.sinceMs = event.nowMs
  }

  #killSilent(leases: readonly LeaseNote[], nowMs: number): void {
    for (const id of this.#killedAtMs.keys()) if (!leases.some((lease) => lease.id === id)) this.#killedAtMs.delete(id)
    for (const lease of leases) {
      const { id, untilMs, toldAtMs } = lease
      const sinceMs = Math.max(toldAtMs, untilMs ?? Infinity, this.#killedAtMs.get(id) ?? 0)
      if (nowMs < sinceMs + WORKER_SILENT_MS) continue
      this.#killedAtMs.set(id, nowMs)
      this.#out.push({ do: 'kill-worker', lease, silentMs: nowMs - toldAtMs })
    }
  }

  /** Nobody resets a machine whose guests nobody else may start. */
  #hardware(wanted: boolean): void {
    if (wanted !== this.#armed) this.#out.push({ do: wanted ? 'arm' : 'disarm' })
    this.#armed = wanted
    const lost = [...this.#stops.values()].some(({ fencedAtMs, state }) => Number.isFinite(fencedAtMs) && state === 'asking')
    if (wanted && !lost) this.#out.push({ do: 'pet' })
  }
}

function stricter(one: Overdue, other: Overdue | undefined): Overdue {
  if (other === undefined) return one
  if (one.lease.then !== other.lease.then) return one.lease.then === 'destroy' ? one : other
  return one.untilMs <= other.untilMs ? one : other
}
