/** A cut between two places on one network, as neither of them can see it: packets leave, and reach nobody. */
import type { Link } from '../faults/fault'
import type { Wire } from './plan'

/** What a place sends to that address goes to a MAC address that nobody has. */
export interface Gap {
  /** The place's own device that has the network's address. */
  readonly device: string
  readonly address: string
}

const NOBODY = '02:77:ff:ff:ff:ff'

/** One for each of these networks on which both places have an address. */
export function gapsBetween(sender: readonly Wire[], receiver: readonly Wire[], links: readonly Link[]): Gap[] {
  return sender
    .filter(({ link, address }) => links.includes(link) && address !== '')
    .flatMap(({ link, bridge, device }) =>
      receiver
        .filter((other) => other.link === link && other.address !== '')
        .map(({ address }) => ({ device: bridge ?? device, address })),
    )
}

/** For the sender's network namespace. */
export const gapLine = ({ device, address }: Gap, state: 'open' | 'closed'): string =>
  state === 'open'
    ? `ip neigh replace ${address} lladdr ${NOBODY} nud permanent dev ${device}`
    : `ip neigh del ${address} dev ${device}`
