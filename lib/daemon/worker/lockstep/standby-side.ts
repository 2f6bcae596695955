import type { Outlook } from '../../../core/domain/guest-memory'
import type { CheckpointPort } from '../../../ports/checkpoints'
import type { Log } from '../../../ports/log'
import type { PeerLink } from '../../../ports/peer-link'
import type { VmUuid } from '../../../core/domain/ids'
import { type EpochFrame, isEpochReport } from '../../../wire/peer-epochs'
import type { PeerAsk } from '../peer/replica-requests'
import { LockstepStandby } from './lockstep-standby'
import type { TakenOver } from './standby-needs'

export interface StandbySideNeeds {
  readonly vm: VmUuid
  readonly checkpoints: CheckpointPort
  readonly log: Log
  readonly link: () => PeerLink | null
  /** To its replica; see ReplicaRequests. */
  readonly write: (ask: PeerAsk) => Promise<string>
}

/** The standby of a secondary, between the primary that fills it and the replicas whose changes wait for its epochs. */
export class StandbySide {
  readonly #standby: LockstepStandby<PeerAsk>

  constructor(private readonly needs: StandbySideNeeds) {
    const { vm, checkpoints, log } = needs
    this.#standby = new LockstepStandby<PeerAsk>({
      ...{ vm, prepare: checkpoints.prepare, write: needs.write },
      send: (report) => needs.link()?.send(report),
      dropped: (changes) => this.#dropped(changes),
      note: (text, error) => log.warn(text, { error }),
    })
  }

  /** Of a term that may speak. */
  frame(frame: EpochFrame): void {
    if (isEpochReport(frame))
      this.needs.log.warn('a frame that only a secondary sends came from the primary', { type: frame.type })
    else this.#standby.frame(frame)
  }

  /** From the beginning of a run on each change goes behind those before it. False: none has begun. */
  takes(ask: PeerAsk, bytes: number): boolean {
    if (this.#standby.state === 'none') return false
    this.#standby.change(ask, bytes)
    return true
  }

  /** The primary begins anew. Resolves when what it was told is kept is with the replicas. */
  session(): Promise<void> {
    this.#standby.session()
    return this.#standby.settled()
  }

  outlook(claimed: number | null): Outlook {
    return this.#standby.outlook(claimed)
  }

  /** A guest's memory is here, whether or not the claim names it. */
  get isFilled(): boolean {
    return this.#standby.outlook(this.#standby.run) === 'load'
  }

  seal(): void {
    this.#standby.seal()
  }

  unseal(): void {
    this.#standby.unseal()
  }

  takeOver(claimed: number | null): Promise<TakenOver> {
    return this.#standby.takeOver(claimed)
  }

  close(): Promise<void> {
    return this.#standby.close()
  }

  #dropped(changes: number): void {
    this.needs.log.info('changes of an epoch that was not committed are dropped', { changes })
  }
}
