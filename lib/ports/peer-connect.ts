import type { Hello, PeerFrame, Welcome } from '../wire/peer'
import type { PeerLinkEvents } from './peer-link'

export type Refuse = Extract<PeerFrame, { type: 'refuse' }>['refuse']

/**
 * Events of either side: every `up` is followed by exactly one `down`, also when this side closes the link. A link that is
 * down stays down; the primary's side starts another one by itself until it is closed.
 */
export interface PeerDial {
  /** In order of preference: A-links, then management. */
  readonly addresses: readonly string[]
  readonly port: number
  /** `linkId` is that of the first link; each further one counts on from there. */
  readonly hello: Hello
  /** The first frame of a link is the welcome, right after `up`. */
  readonly events: PeerLinkEvents
  /** The secondary does not want this link. It is asked again every second. */
  readonly onRefused: (refuse: Refuse) => void
}

export interface PeerListen {
  /** Own addresses in the same order as the other side dials them. */
  readonly addresses: readonly string[]
  readonly port: number
  /** Asked once for each new link, before the older link, if any, goes down. */
  readonly onHello: (hello: Hello) => { readonly welcome: Welcome } | { readonly refuse: Refuse }
  readonly events: PeerLinkEvents
}

export interface PeerEndpoint {
  /** TCP port in use. */
  readonly port: number
  /** Ends the link, if there is one, and accepts or starts no other. */
  close(reason: string): Promise<void>
}
