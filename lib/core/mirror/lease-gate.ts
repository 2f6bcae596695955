import type { GuestRequest } from '../domain/replica-request'
import type { MirrorEffect } from './events'

/** While the lease is not valid, nothing comes in and nothing goes out. */
export class LeaseGate {
  #valid = true
  #requests: { id: number; request: GuestRequest }[] = []
  #replies: MirrorEffect[] = []

  get isOpen(): boolean {
    return this.#valid
  }

  lease(valid: boolean): void {
    this.#valid = valid
  }

  hold(id: number, request: GuestRequest): void {
    this.#requests.push({ id, request })
  }

  holdReply(reply: MirrorEffect): void {
    this.#replies.push(reply)
  }

  /** What was held back, in its order. */
  release(): { readonly requests: readonly { id: number; request: GuestRequest }[]; readonly replies: readonly MirrorEffect[] } {
    const released = { requests: this.#requests, replies: this.#replies }
    this.#requests = []
    this.#replies = []
    return released
  }
}
