import type { FromPrimary } from '../../../../lib/core/checkpoint/standby-events'

/** `all`: the whole disk, from a resync. */
export type DiskChange =
  | { readonly seq: number; readonly cell: number; readonly step: number }
  | { readonly seq: number; readonly all: readonly number[] }

export type Down = FromPrimary<DiskChange> & { readonly payload?: unknown }

export interface Ack {
  readonly say: 'ack'
  readonly run: number
  readonly epoch: number
}

export type Up =
  | { readonly say: 'begun' | 'left' | 'press'; readonly run: number }
  | Ack
  | { readonly say: 'failed'; readonly run: number; readonly error: string }
  | { readonly say: 'done'; readonly seq: number }

const STALE_MAX = 10

/** The ordered conversation between the workers of two hosts. It keeps its order, and is lost as a whole. */
export class Link {
  session = 0
  isUp = false
  down: Down[] = []
  up: Up[] = []
  /** What was on its way up when a conversation was lost: some network delivers it yet, or twice. */
  stale: Ack[] = []

  begin(): void {
    this.session++
    this.isUp = true
  }

  lose(): void {
    this.isUp = false
    this.stale = [...this.stale, ...this.up.filter((said) => said.say === 'ack')].slice(-STALE_MAX)
    this.down = []
    this.up = []
  }
}
