import type { Tooth } from './hunt'
import type { Fault } from './mirror/plan'

const MIRROR = 'lib/core/mirror'
const off = (rule: string, file: string, find: string, replace: string, ...trouble: Fault[]): Tooth => ({
  rule,
  changes: [{ file, find, replace }],
  ...(trouble.length === 0 ? {} : { trouble }),
})

const ANSWERS: readonly Tooth[] = [
  off(
    'the claim changes before anything is acknowledged alone',
    `${MIRROR}/answering.ts`,
    "replicas[side].state !== 'out' && (!replicas[side].binding || isDone(op, side))",
    "replicas[side].state === 'out' || !replicas[side].binding || isDone(op, side)",
  ),
  off(
    'a history parts before anything is acknowledged alone',
    `${MIRROR}/standing.ts`,
    "return generations.bitmap !== '' && (!isAnnounced(generations) || this.replicas[otherSide(alone)].usable)",
    'return true',
  ),
  off(
    'a source parts again when its target was told to be as good and is lost',
    `${MIRROR}/standing.ts`,
    '(!isAnnounced(generations) || this.replicas[otherSide(alone)].usable)',
    'true',
    'told-lost',
    'power-primary',
    'force',
  ),
  off(
    'without the lease nothing is answered',
    `${MIRROR}/mirror.ts`,
    'this.#gate.lease(event.valid)',
    'this.#gate.lease(true)',
    'host-alone',
  ),
  off(
    'overlapping changes keep one order',
    `${MIRROR}/range-queue.ts`,
    'const free = !this.#isHeldUp(item) && !meets(item, this.#waiting)',
    'const free = true',
  ),
  off(
    'a flush is answered when both replicas are flushed',
    `${MIRROR}/mirror.ts`,
    'if (replica.usable) this.#issue(op, side)',
    "if (replica.usable && op.request.kind === 'flush' && op.guest !== null && side === 'peer') op.done |= BIT.peer; else if (replica.usable) this.#issue(op, side)",
  ),
  off(
    'a flush that failed is told to the guest',
    `${MIRROR}/flush-debt.ts`,
    "return error === '' ? owed : error",
    'return error',
    'disk-errors',
    'link-reset',
    'kill-secondary',
  ),
  off(
    'what a lone peer has is on stable storage when it is answered',
    `${MIRROR}/answering.ts`,
    "side === 'peer' && !isReplaceable('peer', replicas) && isChange(request) && !request.fua ? { ...request, fua: true } : request",
    'request',
  ),
]

const READS: readonly Tooth[] = [
  off(
    'what only one member may have is compared before it is read',
    `${MIRROR}/reads.ts`,
    'side === undefined || this.#mayBeUndone(op, side) || this.needs.isAhead(op, side)',
    'side === undefined || this.needs.isAhead(op, side)',
    'crash',
    'unsure-errors',
  ),
  off(
    'a read waits for the changes that were asked for before it',
    `${MIRROR}/reads.ts`,
    'this.#mayBeUndone(op, side) || this.needs.isAhead(op, side)',
    'this.#mayBeUndone(op, side)',
    'disk-errors',
    'unsure-errors',
  ),
  off(
    'only members are read',
    `${MIRROR}/standing.ts`,
    "return SIDES.find((side) => this.replicas[side].state === 'member')",
    'return SIDES.find((side) => this.replicas[side].usable)',
  ),
]

const TRACKING: readonly Tooth[] = [
  off(
    'the activity log is saved before a change',
    'lib/core/replica/keeper.ts',
    'if (!this.#log.admits(offset, length, seq)) return false',
    'this.#log.admits(offset, length, seq)',
  ),
  off(
    'an extent leaves the log only when it is settled',
    'lib/core/replica/activity-log.ts',
    'filter(([, seq]) => any || seq < this.#settledBefore)',
    'filter(() => true)',
    'turnover-crash',
    'kill-both',
  ),
  off(
    'alone, the bitmap is saved before an extent leaves the log',
    'lib/core/replica/keeper.ts',
    'if (this.#alone && extents.length > 0) this.#savePages(new Set(extents.map(pageOf)))',
    '',
  ),
  off(
    'alone, every change is marked in the bitmap',
    'lib/core/replica/keeper.ts',
    'if (this.#alone) this.bits.mark(offset, length)',
    '',
  ),
  off(
    "a new primary finds the old one's log in the bitmap",
    'lib/core/replica/keeper.ts',
    'for (const extent of hot) this.#markExtent(extent)\n    this.#log.restart()',
    'this.#log.restart()',
  ),
  off(
    'what is not settled when a replica parts goes to its bitmap',
    'lib/core/replica/keeper.ts',
    'if (this.#alone && !wasAlone) for (const extent of this.#log.unsettled()) this.#markExtent(extent)',
    '',
  ),
  off(
    'only what was answered before a flush is settled by it',
    `${MIRROR}/in-flight.ts`,
    'before = Math.min(before, op.issue[side])',
    'before',
    'turnover-crash',
    'kill-both',
  ),
  off(
    'a change that a replica misses is marked',
    `${MIRROR}/mirror.ts`,
    "else if (op.request.kind !== 'flush') replica.dirty.mark(op.request.offset, op.request.length)",
    '',
  ),
]

const RESYNCS: readonly Tooth[] = [
  off(
    'a resync ends with a flush of its target',
    `${MIRROR}/resync.ts`,
    "return this.#flushDue || this.#unflushed.length > 0 ? { step: 'flush' } : { step: 'complete' }",
    "return { step: 'complete' }",
    'copying-killed',
    'told-power',
    'power-secondary',
  ),
  off(
    'a copy has its range to itself',
    `${MIRROR}/range-queue.ts`,
    'if (overlap(next, running) && !this.lets(running, next)) return true',
    "if (overlap(next, running) && next.job?.kind !== 'copy' && running.job?.kind !== 'copy') return true",
  ),
  off(
    'what the other replica noted is compared, too',
    `${MIRROR}/standing.ts`,
    'this.replicas[side].came(presence, bits)',
    "this.replicas[side].came(presence, side === 'local' ? bits : null)",
    'kill-both',
    'power-primary',
    'power-secondary',
  ),
  off(
    'a replica whose machine may have lost its cache is resynced',
    `${MIRROR}/entry.ts`,
    "strategy !== 'in-step' || (!seamless && !presence.cacheKept)",
    "strategy !== 'in-step'",
    'power-secondary',
    'present-errors',
  ),
  off(
    'one that lost its cache is not preferred to one that is out of reach',
    `${MIRROR}/entry.ts`,
    'if (!presence.cacheKept && mayHaveKeptMore(other, patient)) return NO',
    '',
    'power-primary',
  ),
  off(
    'a stranger is resynced whole',
    `${MIRROR}/entry.ts`,
    "return { entry: 'resynced', wholeDisk, rule }",
    "return { entry: 'resynced', wholeDisk: false, rule }",
  ),
  off(
    'a history that the claim does not know is not overwritten',
    `${MIRROR}/entry.ts`,
    "return { entry: 'refused', rule: allowed ? 'claim-contradicts-history' : rule }",
    "return allowed ? { entry: 'refused', rule } : { entry: 'resynced', wholeDisk: true, rule }",
  ),
]

const CLAIMS: readonly Tooth[] = [
  off(
    'a secondary is sealed before the claim is taken',
    `${MIRROR}/secondary.ts`,
    'this.#sealed = true',
    '',
    'host-alone',
    'taking-met',
  ),
  off(
    'a lower term is refused',
    `${MIRROR}/secondary.ts`,
    "if (term < this.highestTerm) return { verdict: 'refuse-term', raise: false }",
    '',
    'host-alone',
    'taken-met',
  ),
  off(
    'a promise to the holder is kept',
    'lib/core/membership/takeover.ts',
    'if (facts.promiseLeftMs > 0)',
    'if (false)',
    'deaf-then-apart',
  ),
  off(
    'a claim is taken when its lease is over',
    'lib/core/witness/witness.ts',
    'if (request.requireLeaseOver && leaseLeftMs > 0)',
    'if (false)',
    'hosts-apart',
    'parting-deaf',
  ),
  off(
    'a claim is changed only by who knows its revision',
    'lib/core/witness/witness.ts',
    'if ((current?.revision ?? 0) !== request.expected)',
    'if (false)',
    'deaf-then-apart',
    'taking-heard',
  ),
  {
    rule: 'only an up-to-date host takes a claim',
    changes: [
      {
        file: 'lib/core/membership/takeover.ts',
        find: 'if (!isUpToDateEverywhere(claim, me)) {',
        replace: 'if (claim.term < 0) {',
      },
      {
        file: 'lib/core/witness/rules.ts',
        find: "return isMarked || isUpToDateEverywhere(old, next.holder) ? null : 'taker-up-to-date'",
        replace: 'return null',
      },
    ],
  },
  off(
    'a change of the claim that may be stored counts for the lease',
    'lib/core/membership/holder.ts',
    "const claims = this.#asking === 'nothing' ? [this.#stored.claim] : [this.#stored.claim, this.#next]",
    'const claims = [this.#stored.claim]',
    'joining-alone',
    'link-reset',
  ),
  off(
    'a frame that comes twice is heard once',
    'lib/wire/peer-window.ts',
    "if (position <= this.last) return 'repeated'",
    "if (position <= this.last) return 'deliver'",
    'lane-change',
  ),
]

export const TEETH: readonly Tooth[] = [...ANSWERS, ...READS, ...TRACKING, ...RESYNCS, ...CLAIMS]
