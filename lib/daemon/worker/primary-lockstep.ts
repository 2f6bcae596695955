import { isUpToDateEverywhere } from '../../core/domain/claim'
import type { HostUuid } from '../../core/domain/ids'
import type { LockstepForecast } from '../../wire/lockstep'
import type { WorkerStatus } from '../../wire/worker-api'
import type { Disk } from './disk/disk'
import type { Guest } from './guest/guest'
import type { Holding } from './holding'
import { forecast } from './lockstep/forecast'
import { LockstepKeeper } from './lockstep/lockstep-keeper'
import { TICK_MS, type WorkerParts } from './parts'
import type { PeerTalk } from './peer/peer-talk'
import type { PrimaryNotes } from './primary-notes'

export interface PrimaryLockstepNeeds {
  readonly parts: WorkerParts
  readonly here: HostUuid
  readonly guest: Guest
  readonly talk: () => PeerTalk
  readonly holding: Holding
  readonly notes: PrimaryNotes
  readonly disks: () => readonly Disk[]
  readonly term: () => number
  readonly peerHost: () => HostUuid | undefined
  /** Why the mirror is not redundant; empty when it is. */
  readonly degraded: () => string
}

/** What lockstep is to a primary: nothing before it holds a claim, or where the host keeps no checkpoints. */
export class PrimaryLockstep {
  #keeper: LockstepKeeper | null = null

  constructor(private readonly needs: PrimaryLockstepNeeds) {}

  get keeper(): LockstepKeeper | null {
    return this.#keeper
  }

  /** Nothing: it is not wanted. */
  get status(): Pick<WorkerStatus, 'lockstep'> {
    const lockstep = this.#keeper?.report
    return lockstep === undefined ? {} : { lockstep }
  }

  get mayStart(): boolean {
    return !this.isBusy
  }

  get isBusy(): boolean {
    return this.#keeper?.isBusy === true
  }

  /** The claim is held. `fresh`: see EpochEvent. */
  begin(fresh: boolean): void {
    const { parts, here, guest, talk, holding, notes, disks, term, peerHost } = this.needs
    const { checkpoints } = parts
    if (checkpoints === undefined) return
    const keeper = {
      ...{ parts, checkpoints, term },
      domid: () => guest.onlyDomid,
      link: () => talk().epochs,
      hindrance: () => this.#hindrance,
      isWhole: () => {
        const claim = holding.stored?.claim
        return claim !== undefined && isUpToDateEverywhere(claim, here)
      },
      want: (memory, run) => holding.wantMemory({ memory, run, secondary: peerHost() ?? here }),
      answer: (when) => {
        for (const disk of disks()) disk.answerWhen(when)
      },
      apart: (isApart) => talk().apart(isApart),
      record: ({ act, rule, text, evidence }) => notes.record(act, rule, { text, ...evidence }),
    } satisfies ConstructorParameters<typeof LockstepKeeper>[0]
    this.#keeper = new LockstepKeeper(keeper, fresh)
  }

  /** Of this host. One of the peer's is heard of by the end of the conversation, or of its place in the claim. */
  replicaFailed(): void {
    this.#keeper?.leave("this host's replica failed")
  }

  /** Resolves when nothing of it is left; `check` throws when it must not be waited for. */
  async end(check: () => void): Promise<void> {
    this.#keeper?.want(null)
    while (this.isBusy) {
      check()
      await this.needs.parts.timers.pause(TICK_MS)
    }
    this.close()
  }

  close(): void {
    this.#keeper?.close()
    this.#keeper = null
  }

  async forecast(): Promise<LockstepForecast> {
    const { checkpoints, clock, timers } = this.needs.parts
    if (checkpoints === undefined) return { can: false, why: ['this worker keeps no checkpoints'] }
    return forecast({ checkpoints, clock, timers }, this.needs.guest.onlyDomid)
  }

  get #hindrance(): string {
    const { guest, degraded, talk, disks } = this.needs
    if (!guest.isThere) return 'the VM does not run'
    if (guest.onlyDomid === null) return 'more than one domain uses its disks'
    const why = degraded()
    if (why !== '') return why
    if (talk().epochs === null) return 'the other host has a release, or a worker, that keeps no standby'
    return disks().some(({ comparing }) => comparing !== null) ? 'its disks are being compared' : ''
  }
}
