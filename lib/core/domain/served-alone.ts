import type { HostUuid } from './ids'

/** The act by which a worker tells that its guest is served by one replica alone; said again while that goes on. */
export const SERVED_ALONE = 'served-alone'

/** A stretch of time in which a host served a guest from one replica alone, as its timeline tells it. */
export interface ServedAlone {
  readonly host: HostUuid
  /** ISO 8601, by that host's clock. */
  readonly from: string
  readonly to: string
  /** False: it went on when it was told last, and may have gone on afterwards. */
  readonly over: boolean
  readonly term: number
  /** Changes that the guest was told to be done, and their bytes. */
  readonly writes: number
  readonly writtenBytes: number
}
