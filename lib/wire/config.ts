import type { HostUuid } from '../core/domain/ids'

/** /etc/holdfast/config.json, the same text on every host of the pool. */
export interface HoldfastConfig {
  readonly format: 1
  /** The pool's uuid, so that one witness can serve several pools. */
  readonly pool: string
  /** host:port of the witness. */
  readonly witness: string
  readonly hosts: Readonly<Record<HostUuid, HostAddresses>>
}

export interface HostAddresses {
  readonly name: string
  readonly management: string
  /** Addresses on the replication links (A-links), in the same order on every host. */
  readonly alinks: readonly string[]
}
