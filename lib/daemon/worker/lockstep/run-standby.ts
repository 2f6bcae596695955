import type { ChangedPart } from '../../../ports/changed-memory'
import type { PrepareStandby, RecentFrames, StandbyMachine, StandbySpec } from '../../../ports/standby-machine'
import { codedError, errorText } from './error-text'

/** The standby of one run, asked for one thing after the other. Each resolves with '' or why not. */
export class RunStandby {
  #lane: Promise<unknown>
  #machine: StandbyMachine | null = null
  #isForgotten = false
  /** Resolves when it is there, or will not be. */
  readonly prepared: Promise<string>

  /** `former`: two standbys of a VM are never there at once. */
  constructor(
    readonly spec: StandbySpec,
    prepare: PrepareStandby,
    former: Promise<void>,
  ) {
    this.prepared = former.then(() =>
      outcome(async () => {
        if (!this.#isForgotten) this.#machine = await prepare(spec)
      }),
    )
    this.#lane = this.prepared
  }

  fill(parts: readonly ChangedPart[]): Promise<string> {
    return this.#next((machine) => machine.fill(parts))
  }

  load(state: Buffer, recent: RecentFrames): Promise<string> {
    return this.#next((machine) => machine.load(state, recent))
  }

  /** It goes on from what it has loaded; may be asked again after a failure. See StandbyMachine.run. */
  goOn(goes: () => void): Promise<string> {
    return this.#next((machine) => machine.run(goes))
  }

  /** '' while it is not there. */
  get domid(): string {
    return this.#machine?.domid ?? ''
  }

  /** What was not begun is not done. Resolves when it is gone, unless it runs. Rejects with the port's error. */
  async forget(): Promise<void> {
    this.#isForgotten = true
    await this.#lane
    await this.#machine?.end()
  }

  #next(act: (machine: StandbyMachine) => Promise<void>): Promise<string> {
    const done = this.#lane.then(() =>
      outcome(() => {
        if (this.#machine === null || this.#isForgotten) throw codedError('ENOTCONN', 'the standby is gone')
        return act(this.#machine)
      }),
    )
    this.#lane = done
    return done
  }
}

async function outcome(act: () => Promise<void>): Promise<string> {
  try {
    await act()
    return ''
  } catch (error) {
    return errorText(error) || 'it failed'
  }
}
