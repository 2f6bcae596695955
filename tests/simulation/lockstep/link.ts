import type { EpochOrder, EpochReport } from '../../../lib/wire/peer-epochs'

/** `all`: the whole disk, from a resync. */
export type DiskChange =
  | { readonly seq: number; readonly cell: number; readonly step: number }
  | { readonly seq: number; readonly all: readonly number[] }

export type Down = EpochOrder | { readonly type: 'change'; readonly change: DiskChange }
export type Up = EpochReport | { readonly type: 'done'; readonly seq: number }
type Ack = Extract<Up, { type: 'epoch-ack' }>

const STALE_MAX = 10

/** The ordered conversation between the workers of two hosts. It keeps its order, and is lost as a whole. */
export class Link {
  session = 0
  isUp = false
  down: Down[] = []
  up: Up[] = []
  /** Of the latest end of one. */
  epoch = 0
  /** Acknowledgements of this conversation that have come. */
  heard: Ack[] = []
  /** What came, or was on its way up when a conversation was lost: some network delivers it yet, or twice. */
  stale: Ack[] = []

  get queuedBytes(): number {
    return this.down.reduce((sum, frame) => sum + 64 + (frame.type === 'epoch-part' ? frame.data.length : 0), 0)
  }

  begin(): void {
    this.session++
    this.isUp = true
  }

  /** What has come, in its order. */
  takeUp(): Up | undefined {
    const said = this.up.shift()
    if (said?.type === 'epoch-ack') this.heard = [...this.heard, said].slice(-STALE_MAX)
    return said
  }

  lose(): void {
    this.isUp = false
    this.stale = [...this.stale, ...this.heard, ...this.up.filter((said) => said.type === 'epoch-ack')].slice(-STALE_MAX)
    this.heard = []
    this.down = []
    this.up = []
  }
}
