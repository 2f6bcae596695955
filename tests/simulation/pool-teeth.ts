import type { Tooth } from './hunt'
import type { Fault } from './pool/trouble'

const off = (rule: string, file: string, find: string, replace: string, ...trouble: Fault[]): Tooth => ({
  ...{ rule, changes: [{ file, find, replace }] },
  ...(trouble.length === 0 ? {} : { trouble }),
})

const WITNESS: readonly Tooth[] = [
  off(
    'a claim is changed only by whoever knows its revision',
    'lib/core/witness/witness.ts',
    "if ((current?.revision ?? 0) !== request.expected) return this.refuse(pool, vm, 'revision', nowMs)",
    '',
    'hosts-apart',
    'witness-slow',
    'stall-holder',
  ),
  off(
    'a claim is taken when its lease is over',
    'lib/core/witness/witness.ts',
    "if (request.requireLeaseOver && leaseLeftMs > 0) return this.refuse(pool, vm, 'lease', nowMs)",
    '',
    'full-and-apart',
  ),
  off(
    'a change is answered when it is on stable storage',
    'lib/daemon/witness-daemon.ts',
    'const outcome = await this.parts.claims.append(batch)',
    "void this.parts.claims.append(batch); const outcome = 'durable' as string",
    'witness-crash',
    'hosts-apart',
  ),
  off(
    'a holder counts as heard when the witness was started: nobody knows whom it had heard',
    'lib/core/witness/witness.ts',
    'for (const record of event.records) this.enter(record, event.nowMs)',
    'for (const record of event.records) this.enter(record, Number.NEGATIVE_INFINITY)',
    'witness-forgets',
  ),
]

const HOLDERS: readonly Tooth[] = [
  off(
    'a holder whose lease is over stops its guest',
    'lib/core/membership/holder.ts',
    'this.#allow(isAlone || this.#nowMs < this.#leaseUntilMs, isAlone || this.#nowMs < this.#leaseUntilMs - this.#marginMs)',
    'this.#allow(true, true)',
    'met-while-taking',
  ),
  off(
    'a promise to the holder is kept',
    'lib/core/membership/takeover.ts',
    "if (facts.promiseLeftMs > 0) return { verdict: 'wait', rule: 'promise-current', waitMs: facts.promiseLeftMs }",
    '',
    'deaf-then-apart',
  ),
  off(
    'a secondary is sealed before the claim is taken',
    'lib/core/mirror/secondary.ts',
    'this.#sealed = true',
    '',
    'met-while-taking',
  ),
  off(
    'a guest of a spent term is ended',
    'lib/daemon/worker/worker.ts',
    'await endSpentGuest(this.spec, stored.claim, this.parts)',
    '',
    'host-alone',
    'kill-holder',
  ),
]

const GUARDS: readonly Tooth[] = [
  off(
    'a guest whose worker hangs is stopped by the watchdog of its host',
    'lib/core/membership/self-fence.ts',
    "this.#out.push({ do: 'stop', verb: stop.verb, domid, attempt: stop.attempt, lease })",
    '',
    'worker-and-daemon-hang',
  ),
  off(
    'the watchdog knows of a lease before anybody else may take the claim',
    'lib/daemon/worker/claim/claim-keeper.ts',
    'this.needs.changing()',
    '',
    'hangs-when-listed',
  ),
  off(
    'a worker without its role pauses what the one before it left',
    'lib/daemon/worker/worker.ts',
    'await this.leftGuest.until(startingClaim(vm, this.deciding, this.parts, () => this.#stopped))',
    'await startingClaim(vm, this.deciding, this.parts, () => this.#stopped)',
    'role-unknown',
  ),
]

const REPLICAS: readonly Tooth[] = [
  off(
    'the activity log is saved before a change',
    'lib/core/replica/keeper.ts',
    'if (!this.#log.admits(offset, length, seq)) return false',
    'this.#log.admits(offset, length, seq)',
    'power-holder',
    'power-other',
    'power-both',
  ),
]

const OPERATORS: readonly Tooth[] = [
  off(
    'any sign of a host ends the word that it is off',
    'lib/core/fencing/ladder.ts',
    '#sign(rule: VoidRule): void {\n    this.#void(rule)',
    '#sign(rule: VoidRule): void {',
    'confirmed-off',
    'met-while-taking',
  ),
  off(
    'whose bytes count is written down before the claim is removed',
    'lib/daemon/host/protection.ts',
    'for (const { key } of records) await catalogue.decide(key, { homes: [parts.host, ...others], lastTerm: term }, term)',
    '',
    'unprotect',
    'protect',
    'power-holder',
    'power-other',
    'hosts-apart',
    'kill-daemon',
  ),
]

/** Of two. */
const WITNESSES: readonly Tooth[] = [
  off(
    'what a host notes about the witnesses counts when it is on stable storage',
    'lib/daemon/worker/witnesses/agreement.ts',
    'await this.parts.claimNotes.save(this.vm, saved)',
    'void this.parts.claimNotes.save(this.vm, saved); await Promise.resolve()',
    'switch-and-apart',
  ),
  off(
    'every host that is listed has noted who decides before the claim is carried',
    'lib/core/membership/decider.ts',
    'if (lacking.length > 0) return',
    '',
    'switch-and-apart',
  ),
  off(
    'what was asked of a witness before another one was to decide means nothing',
    'lib/daemon/worker/witnesses/deciding-witness.ts',
    "if (agreement.epoch !== epoch) throw new WitnessUnreachable('it was asked before another witness was to decide')",
    '',
    'cut-from-one',
    'witness-slow',
    'lane-glitch',
  ),
  off(
    'the claim that is carried lists whoever may be listed by now',
    'lib/core/membership/known-claim.ts',
    'const claims = [claim, ...[...this.#asked].map(({ next }) => next)]',
    'const claims = [claim]',
    'listed-unheard',
  ),
  off(
    'a host that has noted nothing hears both witnesses',
    'lib/daemon/worker/witnesses/witness-pair.ts',
    'portsOf(pair).map(async (port) =>',
    '[pair.witness].map(async (port) =>',
    'note-lost',
    'decider-away',
    'hosts-apart',
    'host-alone',
  ),
  off(
    'a claim that is given up is given up at both witnesses',
    'lib/daemon/worker/witnesses/deciding-witness.ts',
    'await forgetElsewhere(vm, agreement, portBeside(this.parts, agreement.note.by))',
    '',
    'decider-away',
    'unprotect',
    'protect',
  ),
  off(
    'who has heard what is decided listens as a secondary',
    'lib/daemon/worker/claim/starting-claim.ts',
    'await witness.roleKnown()',
    '',
    'note-damaged',
    'kill-other',
  ),
]

export const POOL_TEETH: readonly Tooth[] = [...WITNESS, ...WITNESSES, ...HOLDERS, ...GUARDS, ...REPLICAS, ...OPERATORS]
