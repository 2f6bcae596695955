import { DOMIDS_MAX, type LeaseNote } from '../../core/domain/lease-note'
import { fields, jsonObject, list, Malformed, oneOf, wholeNumber } from '../../wire/shape'

/** The worker's id is the name of its file. Throws Malformed when the watchdog could not read it. */
export function leaseJson({ id, ...rest }: LeaseNote): string {
  const json = JSON.stringify(rest)
  leaseOf(id, json)
  return json
}

/** As the toolstack takes them: numbers or names. Never dom0, and nothing that a command would read as an option. */
const DOMID = /^(?!0+$|Domain-0$)\w[\w.:-]{0,39}$/

/** Throws Malformed. */
export function leaseOf(id: string, json: string): LeaseNote {
  const {
    pid,
    startedTicks,
    domids,
    untilMs,
    then,
    pauseWithinMs = 0,
    isPaused = false,
    toldAtMs,
  } = fields(jsonObject(json), 'lease')
  return {
    id,
    pid: processId(pid),
    startedTicks: wholeNumber(startedTicks, 'startedTicks'),
    domids: list(domids, 'domids', DOMIDS_MAX).map(domid),
    untilMs: untilMs === null ? null : moment(untilMs, 'untilMs'),
    then: oneOf(['pause', 'destroy'] as const, then, 'then'),
    pauseWithinMs: moment(pauseWithinMs, 'pauseWithinMs'),
    isPaused: isPaused === true,
    toldAtMs: moment(toldAtMs, 'toldAtMs'),
  }
}

/** Never the first process of a machine, nor a group of them. */
function processId(value: unknown): number {
  const pid = wholeNumber(value, 'pid')
  if (pid < 2) throw new Malformed('pid is no worker')
  return pid
}

function domid(value: unknown): string {
  if (typeof value !== 'string' || !DOMID.test(value)) throw new Malformed('a domid is none')
  return value
}

function moment(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) throw new Malformed(`${place} is no moment`)
  return value
}
