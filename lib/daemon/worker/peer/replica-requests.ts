import { isChange } from '../../../core/domain/replica-request'
import type { Log } from '../../../ports/log'
import type { FrameMemory, PeerLink } from '../../../ports/peer-link'
import type { Place } from '../place'
import { isSane, requestOf, type RequestFrame } from './peer-request'

/** A request of the primary, with the way back. */
export interface PeerAsk {
  readonly frame: RequestFrame
  readonly link: PeerLink
  readonly memory: FrameMemory | null
}

export interface ReplicaRequestsNeeds {
  readonly log: Log
  readonly places: readonly Place[]
  /** Whether who speaks with this term may have anything done. */
  readonly may: (term: number) => boolean
  /** Takes a change that has to wait for others, or for its epoch; `write` is told when it need not. False: it does not have to. */
  readonly takes: (ask: PeerAsk, bytes: number) => boolean
}

/** What a secondary does for its primary, and its answers. */
export class ReplicaRequests {
  /** The change that is on its way to a replica because `write` was told. */
  #writing: { readonly volume: number; readonly over: (error: string) => void } | null = null
  /** Changes that are on their way to a replica beside that. */
  readonly #beside = new Set<PeerAsk>()
  #whenNoneBeside: (() => void) | null = null

  constructor(private readonly needs: ReplicaRequestsNeeds) {}

  /** What is not told to be done may still be on its way to the disk: then its memory is not given back. */
  perform(ask: PeerAsk): void {
    const { frame, link } = ask
    const { seq, volume, term } = frame
    const request = requestOf(frame)
    const place = this.needs.places[volume]
    if (place === undefined || !isSane(request, place.volume.sizeBytes)) {
      const { kind, offset, length } = request
      this.needs.log.warn('the primary asks for what is not on the disk', { volume, kind, offset, length })
      link.close('a request for what is not on the disk')
    } else if (!this.needs.may(term)) link.send({ type: 'done', seq, volume, error: 'TERM' })
    else if (place.seat === null) link.send({ type: 'done', seq, volume, error: 'EIO' })
    else if (!isOrdered(frame) || !this.needs.takes(ask, frame.type === 'write' ? frame.data.length : 0)) this.#doBeside(ask)
  }

  /**
   * One after the other, and behind what was on its way before the first of them. Resolves with '' or the system's code when it is on the replica;
   * the primary is told.
   */
  async write(ask: PeerAsk): Promise<string> {
    const { volume, seq } = ask.frame
    if (this.#beside.size > 0) await new Promise<void>((resolve) => (this.#whenNoneBeside = resolve))
    if (this.needs.places[volume]?.seat == null) {
      ask.link.send({ type: 'done', seq, volume, error: 'EIO' })
      return 'EIO'
    }
    return new Promise((resolve) => {
      const over = (error: string): void => {
        if (this.#writing?.over === over) this.#writing = null
        resolve(error)
      }
      this.#writing = { volume, over }
      this.#do(ask, over)
    })
  }

  /** Its replica answers nothing any more. */
  failed(volume: number, error: string): void {
    if (this.#writing?.volume === volume) this.#writing.over(error)
    for (const ask of this.#beside) if (ask.frame.volume === volume) this.#isDone(ask)
  }

  #doBeside(ask: PeerAsk): void {
    if (isOrdered(ask.frame)) this.#beside.add(ask)
    this.#do(ask, () => this.#isDone(ask))
  }

  #isDone(ask: PeerAsk): void {
    this.#beside.delete(ask)
    if (this.#beside.size > 0) return
    this.#whenNoneBeside?.()
    this.#whenNoneBeside = null
  }

  #do({ frame, link, memory }: PeerAsk, over: (error: string) => void = () => undefined): void {
    const { seq, volume, term } = frame
    this.needs.places[volume]?.seat?.perform(seq, requestOf(frame), (error, data) => {
      memory?.giveBack(true)
      over(error)
      // Sealed while it was on the disk: an old primary must not hear of it.
      if (!this.needs.may(term)) return
      if (data === undefined) link.send({ type: 'done', seq, volume, error })
      else link.send({ type: 'data', seq, volume, data })
    })
  }
}

const isOrdered = (frame: RequestFrame): boolean => frame.type === 'flush' || isChange(requestOf(frame))
