import { assert } from '../core/domain/assert'
import { packedBytes } from './guest-frames'
import type { PeerFrame } from './peer'

export interface Sent {
  /** From 1, without gaps. */
  readonly position: number
  readonly frame: PeerFrame
  readonly bytes: number
}

/** What one side has sent and the other has not confirmed: enough to say it all again on another connection. */
export class SendWindow {
  private readonly unconfirmed: Sent[] = []
  /** Index of the first unconfirmed one; the confirmed ones before it are dropped now and then, not one by one. */
  private first = 0
  private next = 1
  private held = 0

  /** Bytes, with 64 for each frame's header. */
  get unconfirmedBytes(): number {
    return this.held
  }

  add(frame: PeerFrame): Sent {
    const sent = { position: this.next++, frame, bytes: 64 + payloadBytes(frame) }
    this.unconfirmed.push(sent)
    this.held += sent.bytes
    return sent
  }

  /** The other side has everything up to `position`. False when it claims what was never sent. */
  confirm(position: number): boolean {
    if (position >= this.next) return false
    for (let sent = this.unconfirmed[this.first]; sent !== undefined && sent.position <= position;) {
      this.held -= sent.bytes
      this.first++
      sent = this.unconfirmed[this.first]
    }
    if (this.first > 1024 || this.first === this.unconfirmed.length) {
      this.unconfirmed.splice(0, this.first)
      this.first = 0
    }
    assert(this.held >= 0, 'a frame is confirmed once')
    return true
  }

  /** In order; all that a fresh connection has to carry first. */
  toRepeat(): readonly Sent[] {
    return this.unconfirmed.slice(this.first)
  }
}

/** What one side has received, over all connections. */
export class ReceiveWindow {
  private last = 0

  /** Everything up to this position was delivered. */
  get received(): number {
    return this.last
  }

  /** `repeated`: it came before, perhaps on another connection. `gap`: the sender broke its promise. */
  accept(position: number): 'deliver' | 'repeated' | 'gap' {
    if (position <= this.last) return 'repeated'
    if (position > this.last + 1) return 'gap'
    this.last = position
    return 'deliver'
  }
}

function payloadBytes(frame: PeerFrame): number {
  if (frame.type === 'epoch-traffic') return frame.frames.reduce((sum, each) => sum + packedBytes(each), 0)
  return frame.type === 'write' || frame.type === 'data' || frame.type === 'epoch-part' ? frame.data.length : 0
}
