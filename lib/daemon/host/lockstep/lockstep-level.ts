import { Refusal } from '../../../core/domain/errors'
import type { VmUuid } from '../../../core/domain/ids'
import { LockstepWatch } from '../../../core/policy/lockstep-watch'
import type { WorkerStatus } from '../../../wire/worker-api'
import { alert } from '../alert'
import type { Catalogue } from '../catalogue'
import type { Fleet } from '../fleet'
import { vmNameOf } from '../names'
import type { HostParts } from '../parts'
import { isSameWish, wantedLockstep } from './wish'

const TELL_LIMIT_MS = 3000
/** A checkpoint under way ends, its output leaves, and the witness stores that the memory counts no more. */
const END_LIMIT_MS = 10_000
const LOOK_AGAIN_MS = 50

/** Keeps the workers of this host told whether their VMs are to be in lockstep, and people told whether they are. */
export class LockstepLevel {
  readonly #watches = new Map<VmUuid, LockstepWatch>()

  constructor(
    private readonly parts: HostParts,
    private readonly catalogue: Catalogue,
    private readonly fleet: Fleet,
  ) {}

  /** Called once a second, with what the VM's worker says of itself. */
  async keep(vm: VmUuid, status: WorkerStatus): Promise<void> {
    try {
      await this.#tell(vm)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.parts.log.warn('a worker was not told about lockstep', { vm, why: error.message })
    }
    await this.#watch(vm, status)
  }

  /** What the catalogue says of the VM is in force on this host; a guest that is not to be in lockstep any more is out of it. */
  async follow(vm: VmUuid): Promise<void> {
    if ((await this.#tell(vm)) !== 'ended') return
    const { clock, timers } = this.parts
    const untilMs = clock.nowMs() + END_LIMIT_MS
    while (isInLockstep(await this.fleet.status(vm))) {
      if (clock.nowMs() >= untilMs)
        throw new Refusal('HOLDFAST_TIMED_OUT', {
          seconds: END_LIMIT_MS / 1000,
          reason: `${vmNameOf(this.parts, vm)} is still leaving lockstep.`,
        })
      await timers.pause(LOOK_AGAIN_MS)
    }
  }

  async #tell(vm: VmUuid): Promise<'told' | 'ended'> {
    const told = this.fleet.specOf(vm)?.lockstep ?? null
    if (this.fleet.specOf(vm)?.vm !== vm) return 'told'
    const wanted = wantedLockstep(this.parts, vm, this.catalogue.ofVm(vm), told)
    if (!isSameWish(told, wanted)) await this.fleet.ask(vm, 'lockstep', { wanted }, TELL_LIMIT_MS)
    return wanted === null ? 'ended' : 'told'
  }

  /** Whoever holds the claim tells. */
  async #watch(vm: VmUuid, { role, guestActive, lockstep }: WorkerStatus): Promise<void> {
    if (role !== 'primary' || !guestActive || lockstep === undefined) {
      this.#watches.delete(vm)
      return
    }
    const watch = this.#watches.get(vm) ?? new LockstepWatch(vmNameOf(this.parts, vm))
    this.#watches.set(vm, watch)
    const told = watch.seen(lockstep, this.parts.clock.nowMs())
    if (told !== null) await alert(this.parts, { effect: 'alert', vm, ...told })
  }
}

/** Unknown counts as yes. */
const isInLockstep = (status: WorkerStatus | null): boolean =>
  status === null ||
  status.lockstep?.isKept === true ||
  (status.role === 'primary' && (status.claim?.claim.lockstep ?? null) !== null)
