import { Refusal } from '../core/domain/errors'
import { badOption, hostPort, isIpAddress, portOnLinks, type PortOnLinks } from './mirror-address'
import { isLoopback } from './replica-source'

export interface MirrorPair {
  readonly link: PortOnLinks
  readonly peer: PortOnLinks & { readonly name: string }
  /** host:port */
  readonly witness: string
  readonly keyFile: string
  /** Without TLS between the two sides; loopback only. */
  readonly plain: boolean
}

const NO_WITNESS = 'none'

/** What the operator wrote about the other side and the witness. */
export interface PairArguments {
  readonly link?: string
  readonly peer?: string
  /** host:port, or NO_WITNESS */
  readonly witness: string
  readonly key?: string
  readonly plain?: boolean
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** A name of a mirror or of a side. Throws Refusal. */
export function checkedName(option: string, text: string, written = text): string {
  if (NAME.test(text)) return text
  const reason = 'A name has at most 63 letters, digits, dots, hyphens and underscores, and begins with a letter or digit.'
  throw badOption(option, written, reason, 'Choose another name; it must be the same at every start.')
}

/** Null for a mirror of one. Throws Refusal. */
export function mirrorPair(given: PairArguments, host: string): MirrorPair | null {
  const { witness, link, peer, key, plain = false } = given
  if (witness === NO_WITNESS) {
    if (peer === undefined && link === undefined && !plain) return null
    const reason = 'Two sides that lose sight of each other need a third vote.'
    throw badOption('witness', witness, reason, 'Name a witness, or leave --peer, --link and --plain out: a mirror of one.')
  }
  hostPort('witness', witness)
  const missing = Object.entries({ peer, link, key }).find(([, value]) => value === undefined)
  if (missing !== undefined || peer === undefined || link === undefined || key === undefined) {
    const reason = 'A mirror with a witness has two sides and a key.'
    throw new Refusal('HOLDFAST_MIRROR_OPTION_MISSING', {
      option: missing?.[0] ?? 'peer',
      reason,
      todo: `Add it, or use --witness ${NO_WITNESS} for a mirror of one.`,
    })
  }
  const pair = { link: portOnLinks('link', link), peer: peerOf(peer), witness, keyFile: key, plain }
  checkPair(pair, host, { peer, link })
  return pair
}

function peerOf(text: string): MirrorPair['peer'] {
  const at = text.indexOf('=')
  if (at === -1)
    throw badOption('peer', text, 'It is not NAME=HOST:PORT.', 'Write it as b=10.0.0.2:7801, with the --host of that side.')
  const name = checkedName('peer', text.slice(0, at), text)
  return { name, ...portOnLinks('peer', text.slice(at + 1), `${name}=`) }
}

function checkPair({ link, peer, plain }: MirrorPair, host: string, given: { peer: string; link: string }): void {
  const named = link.addresses.find((address) => !isIpAddress(address))
  if (named !== undefined)
    throw badOption('link', given.link, `${named} is a name.`, 'Name the address on which this side is to listen.')
  if (peer.name === host)
    throw badOption('peer', given.peer, `It is called ${host}, as this side is.`, 'Name the other side as it names itself.')
  const own = peer.port === link.port ? peer.addresses.find((address) => link.addresses.includes(address)) : undefined
  if (own !== undefined)
    throw badOption('peer', given.peer, `${own} is an address of this side's --link.`, 'Name the addresses of the other side.')
  if (!plain) return
  for (const [option, { addresses }] of Object.entries({ link, peer })) {
    const far = addresses.find((address) => !isLoopback(address))
    if (far === undefined) continue
    const reason = `With --plain nothing is encrypted, and ${far} is not an address of the loopback interface.`
    throw badOption(option, option === 'link' ? given.link : given.peer, reason, 'Leave --plain out: it is for measurements.')
  }
}
