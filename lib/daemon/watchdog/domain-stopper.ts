import type { LeaseNote } from '../../core/domain/lease-note'
import type { SelfFenceEffect, Stopped } from '../../core/membership/self-fence'
import type { DomainState } from '../../ports/domain-control'
import type { WatchdogParts } from './parts'

export type Stop = Extract<SelfFenceEffect, { do: 'stop' }>

export interface Destroying {
  /** As soon as its vCPUs do not run, which may be long before all of it is gone. Null: it is not to be stopped any more. */
  readonly stopped: Promise<Stopped | null>
  /** When the toolstack has done with it: whether it ended the domain. Never rejects. */
  readonly ended: Promise<boolean>
}

/** Destroying takes as long as freeing the memory; the vCPUs stand long before. */
const LOOK_EVERY_MS = 100
/** A guest that stands is only held: whether it does is asked once more before it is destroyed, and that is waited for so long. */
const LOOK_FIRST_MS = 300

/** Stops domains, and tells workers what they have to take back: whatever was paused here may be let go by its worker. */
export class DomainStopper {
  /** By lease. */
  readonly #pausesUnderWay = new Map<string, number>()

  constructor(private readonly parts: Pick<WatchdogParts, 'domains' | 'leases' | 'log' | 'timers'>) {}

  /** Null: `isWanted` says no. A pause that the worker did not make is the worker's to take back. */
  async pause({ domid, lease }: Stop, isWanted: () => boolean): Promise<Stopped | null> {
    const state = await this.parts.domains.state(domid)
    if (state !== 'running') return { ours: false, gone: state === 'gone' }
    if (!isWanted()) return null
    await this.#pause(domid, lease)
    return { ours: true, gone: false }
  }

  destroy(stop: Stop, isWanted: () => boolean): Destroying {
    let over: (isEnded: boolean) => void = () => undefined
    const ended = new Promise<boolean>((resolve) => (over = resolve))
    return { stopped: this.#destroy(stop, isWanted, over), ended }
  }

  async #destroy(stop: Stop, isWanted: () => boolean, over: (isEnded: boolean) => void): Promise<Stopped | null> {
    const { domid, lease } = stop
    const state = lease.then === 'pause' ? await this.#lookFirst(domid) : null
    if (state === 'standing' || state === 'gone' || !isWanted()) {
      over(false)
      return state === 'standing' || state === 'gone' ? { ours: false, gone: state === 'gone' } : null
    }
    // A domain that is being freed is not listed as standing; one that is paused is. Whether it could be paused, the list says.
    this.#pause(domid, lease).catch(() => undefined)
    const call = { isOver: false }
    const ending = this.#end(stop, state === 'running', over).finally(() => (call.isOver = true))
    let isAnswered = false
    ending.catch((error: unknown) => {
      if (isAnswered) this.parts.log.error('a domain that stands could not be destroyed', { domid, error: String(error) })
    })
    try {
      return await Promise.race([ending, this.#seenToStand(domid, call).then((seen) => seen ?? ending)])
    } finally {
      isAnswered = true
    }
  }

  /** Null when that is not known in time. */
  async #lookFirst(domid: string): Promise<DomainState | null> {
    const look = this.parts.domains.state(domid).catch(() => null)
    return Promise.race([look, this.parts.timers.pause(LOOK_FIRST_MS).then(() => null)])
  }

  /** A big domain takes longer to end than a call of the toolstack may: one that ran a moment ago was ended by us. */
  async #end({ domid, lease }: Stop, ranBefore: boolean, over: (isEnded: boolean) => void): Promise<Stopped> {
    const { domains, leases } = this.parts
    let isByUs = true
    try {
      await domains.destroy(domid)
    } catch (error) {
      isByUs = ranBefore
      const state = await domains.state(domid).catch(() => null)
      if (state !== 'gone') {
        over(false)
        throw error
      }
    }
    // Where it is the pool's wish that it ends with its lease, nobody starts it again.
    if (isByUs && lease.then === 'pause') leases.destroyed(lease.id)
    over(isByUs)
    return { ours: isByUs, gone: (await domains.state(domid)) === 'gone' }
  }

  /** Null when the call was over before that. */
  async #seenToStand(domid: string, call: { readonly isOver: boolean }): Promise<Stopped | null> {
    for (;;) {
      await this.parts.timers.pause(LOOK_EVERY_MS)
      if (call.isOver) return null
      const state = await this.parts.domains.state(domid)
      if (state !== 'running') return { ours: true, gone: state === 'gone' }
    }
  }

  /** The worker takes the mark away when it says that it is done: only the last pause of a lease does. */
  async #pause(domid: string, { id }: LeaseNote): Promise<void> {
    const { domains, leases } = this.parts
    this.#pausesUnderWay.set(id, (this.#pausesUnderWay.get(id) ?? 0) + 1)
    leases.paused(id, 'under-way')
    try {
      await domains.pause(domid)
    } finally {
      const left = (this.#pausesUnderWay.get(id) ?? 1) - 1
      if (left > 0) this.#pausesUnderWay.set(id, left)
      else {
        this.#pausesUnderWay.delete(id)
        leases.paused(id, 'done')
      }
    }
  }
}
