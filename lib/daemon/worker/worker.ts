/**
 * One protected VM on one host: primary or secondary, as the claim says; or the disks of an unprotected VM. Lives without the
 * daemon: the claim, the lease and the peer are its own business.
 */
import { assert, must } from '../../core/domain/assert'
import type { StoredClaim } from '../../core/domain/claim'
import { Refusal } from '../../core/domain/errors'
import type { HostUuid } from '../../core/domain/ids'
import type { Timer } from '../../ports/timers'
import type { WorkerApi, WorkerSpec, WorkerStatus } from '../../wire/worker-api'
import { confirmed } from './claim/confirmed'
import { diskAsks } from './disk/disk-asks'
import { FenceWord } from './claim/fence-word'
import { heldClaim } from './claim/held-claim'
import { LeftGuest } from './guest/left-guest'
import { endSpentGuest } from './guest/spent-guest'
import { TICK_MS, type WorkerParts } from './parts'
import { Primary } from './primary'
import { primaryStatus } from './primary-status'
import { Secondary } from './secondary'
import { claimNow, secondaryStatus } from './secondary-status'
import { SplitDesk } from './split/split'
import { startingClaim } from './claim/starting-claim'
import { takeOver } from './claim/take-over'
import { GuestArrival } from './lockstep/guest-arrival'
import { UnknownClaim } from './claim/unknown-claim'
import { DecidingWitness } from './witnesses/deciding-witness'

type Handlers = { [F in keyof WorkerApi]: (ask: WorkerApi[F]['ask']) => Promise<WorkerApi[F]['answer']> }
type Part = { role: 'solo' | 'primary'; side: Primary } | { role: 'secondary'; side: Secondary }

/** A disk is asked for a moment after the worker was started: opening a replica and a word with the witness come first. */
const ROLE_LIMIT_MS = 10_000

export class Worker {
  #part: Part | null = null
  /** On its way to be the part: its clock runs while a slow disk is still being opened. */
  #coming: Part['side'] | null = null
  #takingOver: Promise<WorkerApi['take-over']['answer']> | null = null
  readonly #fence = new FenceWord()
  #unprotecting: Promise<null> | null = null
  #timer: Timer | null = null
  #stopped = false
  readonly #split = new SplitDesk(
    () => this.parts,
    () => this.#part?.side,
  )

  readonly #unknown = new UnknownClaim(
    () => this.parts,
    (reason) => this.handlers['take-over']({ reason }),
  )
  readonly #arrival = new GuestArrival({
    parts: () => this.parts,
    spec: () => this.spec,
    remember: (spec) => this.#remember(spec),
  })

  private readonly parts: WorkerParts
  private readonly deciding: DecidingWitness
  private readonly leftGuest: LeftGuest

  constructor(
    private spec: WorkerSpec,
    parts: WorkerParts,
    private readonly saveSpec: (spec: WorkerSpec) => void,
  ) {
    this.deciding = new DecidingWitness(() => this.spec, parts)
    this.leftGuest = new LeftGuest(spec.vm, parts)
    this.parts = { ...parts, witness: this.deciding, deciding: this.deciding, leases: this.leftGuest }
  }

  /** Resolves when the role is known and taken; for a protected VM that needs an answer of the witness. */
  async start(): Promise<void> {
    const { clock, timers } = this.parts
    this.#timer = timers.every(TICK_MS, () => {
      for (const each of [this.#coming ?? this.#part?.side, this.#split]) each?.tick(clock.nowMs())
    })
    const { vm, host } = this.spec
    if (vm === null) {
      await this.#become({ role: 'solo', side: this.#primary(null) }, null, null)
      return
    }
    const stored = await this.leftGuest.until(startingClaim(vm, this.deciding, this.parts, () => this.#stopped))
    if (stored === null) return
    if (stored.claim.holder === host) {
      const side = await this.#becomePrimary(stored, null)
      void this.#arrival.findOut(side)
    } else {
      await endSpentGuest(this.spec, stored.claim, this.parts)
      if (Object.keys(this.spec.attached).length > 0) this.#remember({ ...this.spec, attached: {}, arriving: null })
      const side = new Secondary(this.spec, this.parts, stored)
      this.#coming = side
      await side.open()
      this.#enter({ role: 'secondary', side }, stored.claim.term)
    }
  }

  async #roleKnown(): Promise<void> {
    const untilMs = this.parts.clock.nowMs() + ROLE_LIMIT_MS
    while (this.#part === null && !this.#stopped && this.parts.clock.nowMs() < untilMs) await this.parts.timers.pause(TICK_MS)
  }

  /** The role is known, and is not on its way to the other host. */
  async #settled(): Promise<void> {
    await this.#roleKnown()
    await this.#serving?.handing
  }

  #primary(stored: StoredClaim | null): Primary {
    return new Primary(this.spec, this.parts, stored, () => {
      this.#remember({ ...this.spec, attached: {} })
      this.parts.restart('the claim is held elsewhere')
    })
  }

  async #becomePrimary(stored: StoredClaim, leaseFromMs: number | null, wasGiven = false): Promise<Primary> {
    const side = this.#primary(stored)
    if (wasGiven) side.peerBeginsAnew()
    await this.#become({ role: 'primary', side }, stored, leaseFromMs)
    return side
  }

  async #become(part: Extract<Part, { side: Primary }>, stored: StoredClaim | null, leaseFromMs: number | null): Promise<void> {
    const { attached } = this.spec
    // Also while they are being opened: a guest whose claim is lost meanwhile has to be stopped.
    for (const disk of part.side.disks) {
      disk.attachedTo = attached[disk.volume.key]?.domain ?? null
      disk.active = attached[disk.volume.key]?.active ?? false
    }
    this.#coming = part.side
    await part.side.open(stored, leaseFromMs)
    for (const disk of part.side.disks) if (disk.attachedTo !== null) await disk.attach(disk.attachedTo)
    this.#enter(part, part.side.term)
  }

  #enter(part: Part, term: number): void {
    this.#coming = null
    this.#part = part
    this.parts.log.info('role', { role: part.role, term })
  }

  readonly handlers: Handlers = {
    status: async () => this.status(await this.#claimElsewhere()),
    ...diskAsks({
      settled: () => this.#settled(),
      confirmed: () => confirmed(() => this.#serving?.mayStart !== false, this.parts, this.spec),
      serving: () => this.#serving,
      served: () => this.#served(),
      attached: (attached) => this.#remember({ ...this.spec, attached }),
    }),
    protect: ({ spec }) => this.#protect(spec).then(() => null),
    unprotect: () => {
      this.#unprotecting ??= this.#unprotect().finally(() => (this.#unprotecting = null))
      return this.#unprotecting
    },
    'set-peer': ({ peer }) => {
      this.#remember({ ...this.spec, peer })
      if (this.#part?.role === 'primary') this.#part.side.setPeer(peer)
      return Promise.resolve(null)
    },
    'take-over': ({ reason, fenced, acceptLoss }) => {
      this.#fence.told(fenced)
      this.#takingOver ??= this.#takeOver(reason, acceptLoss === true).finally(() => {
        this.#takingOver = null
        void this.#unknown.findOut(this.spec.host, () => this.#secondary)
      })
      return this.#takingOver
    },
    'hand-over': ({ to }) => this.#handOver(to),
    verify: ({ repair }) => {
      this.#served().verify(repair)
      return Promise.resolve(null)
    },
    lockstep: async ({ wanted }) => {
      await this.#roleKnown()
      this.#remember({ ...this.spec, lockstep: wanted })
      this.#serving?.lockstep.keeper?.want(wanted)
      return null
    },
    'lockstep-forecast': () => this.#served().lockstep.forecast(),
    'new-settings': ({ settings }) => {
      this.#remember({ ...this.spec, ...settings })
      this.parts.restart('its settings were changed')
      return Promise.resolve(null)
    },
    stop: () => this.stop().then(() => null),
    ...this.#split.handlers,
  }

  /** Asked again after it was done, or while it is under way, it is the same request. */
  async #unprotect(): Promise<null> {
    await this.#settled()
    const side = this.#served()
    if (this.#part?.role === 'solo') return null
    await side.unprotect()
    this.#remember({ ...this.spec, vm: null, peer: null, listen: null })
    this.#part = { role: 'solo', side }
    return null
  }

  async #protect(spec: WorkerSpec): Promise<void> {
    const vm = must(spec.vm, 'a protected VM has a uuid')
    await this.#roleKnown()
    if (this.#unprotecting !== null) throw new Refusal('HOLDFAST_UNPROTECT_UNDER_WAY', { vm })
    const part = this.#part
    if (part === null)
      throw new Refusal('HOLDFAST_TIMED_OUT', { seconds: ROLE_LIMIT_MS / 1000, reason: 'The disks of the VM are not open yet.' })
    if (part.role === 'primary') {
      part.side.setPeer(spec.peer)
      part.side.lockstep.keeper?.want(spec.lockstep ?? null)
      this.#remember(spec)
      return
    }
    assert(part.role === 'solo', 'only a mirror of one becomes a primary')
    const stored = await heldClaim(vm, spec, this.parts.witness)
    this.#remember(spec)
    part.side.protect(stored, spec)
    this.#part = { role: 'primary', side: part.side }
  }

  async #takeOver(reason: string, lossAccepted: boolean): Promise<WorkerApi['take-over']['answer']> {
    const part = this.#part
    if (part?.role === 'primary') return { taken: true, term: part.side.term }
    if (part?.role !== 'secondary') return { taken: false, why: 'no-claim' }
    const outcome = await takeOver(part.side, this.spec.host, this.parts, this.#fence, lossAccepted)
    if (!outcome.taken) return outcome
    const takenAtMs = this.parts.clock.nowMs()
    const { rule, stored, leaseFromMs } = outcome
    const { vm, term } = stored.claim
    const text = `This host took the claim with term ${term}: ${reason}`
    const evidence = { term, guestWasActive: part.side.guestActive }
    this.parts.timeline.record({ vm, act: 'claim-swapped', rule, text, evidence })
    const guest = await this.#arrival.load(part.side.standby, outcome.claimed)
    await part.side.close()
    if (guest !== null) this.#arrival.note(guest)
    const side = await this.#becomePrimary(stored, leaseFromMs, part.side.wasGiven)
    const isHere = guest !== null && (await this.#arrival.goesOn(side, guest, takenAtMs))
    return { taken: true, term, rule, ...(isHere ? { goesOn: true } : {}) }
  }

  async #handOver(to: HostUuid): Promise<WorkerApi['hand-over']['answer']> {
    await this.#roleKnown()
    if (this.#part?.role === 'primary') return this.#part.side.handOver(to)
    const now = await this.#claimElsewhere()
    // Asked for before, and done.
    return now?.claim.holder === to ? { handedOver: true, term: now.claim.term } : { handedOver: false, why: 'not-holder' }
  }

  /** As it is now; null where this worker is no secondary. */
  #claimElsewhere(): Promise<StoredClaim | null> {
    return this.#secondary === null ? Promise.resolve(null) : claimNow(this.parts, this.#secondary.claim.claim.vm)
  }

  #remember(spec: WorkerSpec): void {
    this.spec = spec
    this.saveSpec(spec)
  }

  get #secondary(): Secondary | null {
    return this.#part?.role === 'secondary' ? this.#part.side : null
  }

  get #serving(): Primary | null {
    return this.#part?.role === 'secondary' ? null : (this.#part?.side ?? null)
  }

  #served(): Primary {
    if (this.#serving !== null) return this.#serving
    const claim = this.#part?.side.claim?.claim
    throw new Refusal('HOLDFAST_CLAIM_HELD_ELSEWHERE', {
      vm: this.spec.vm ?? this.spec.id,
      host: this.spec.host,
      holder: claim?.holder ?? 'unknown (the witness has not answered yet)',
      term: claim?.term ?? 0,
    })
  }

  /** `now`: the claim as it is, where this side is not the one that changes it. */
  status(now: StoredClaim | null = null): WorkerStatus {
    const part = this.#part
    const { id } = this.spec
    const witnessed = { witnessReachable: this.deciding.reachable, ...this.deciding.decides }
    if (part === null || part.role === 'secondary') {
      return { ...secondaryStatus(this.spec, part?.side ?? null, now), ...witnessed }
    }
    const unprotecting = this.#unprotecting === null ? {} : ({ unprotecting: true } as const)
    return { ...unprotecting, id, role: part.role, ...primaryStatus(part.side, this.parts.clock.nowMs()), ...witnessed }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.stop()
    this.deciding.end()
    await Promise.all([this.#split.close(), this.#part?.side.close()])
    this.#part = null
  }
}
