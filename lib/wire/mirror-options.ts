import { sizeTrouble } from '../core/domain/disk-size'
import { badOption, checkSocketPath, diskAddress, hostPort, isIpAddress, portOnLinks } from './mirror-address'
import type { DiskAddress, PortOnLinks } from './mirror-address'
import { isLoopback, type ReplicaSource } from './replica-source'
import { parseReplicaSource } from './replica-source-parse'

/** What the operator wrote behind `holdfast mirror serve`; file and folder names are whole paths. */
export interface MirrorArguments {
  readonly name: string
  readonly host: string
  readonly folder: string
  readonly replica: string
  readonly listen: string
  readonly size?: string
  readonly link?: string
  readonly peer?: string
  readonly witness: string
  readonly key?: string
  readonly create?: boolean
  readonly overwrite?: boolean
  readonly front?: boolean
  readonly plain?: boolean
}

/** One side of a stand-alone mirror. */
export interface MirrorOptions {
  readonly name: string
  readonly host: string
  readonly folder: string
  readonly replica: ReplicaSource
  readonly listen: DiskAddress
  /** Null: as large as the replica is. */
  readonly sizeBytes: number | null
  /** Null: a mirror of one. */
  readonly pair: MirrorPair | null
  readonly create: boolean
  readonly overwrite: boolean
  readonly front: boolean
}

export interface MirrorPair {
  readonly link: PortOnLinks
  readonly peer: PortOnLinks & { readonly name: string }
  /** host:port */
  readonly witness: string
  readonly keyFile: string
  /** Without TLS between the two sides; loopback only. */
  readonly plain: boolean
}

export const NO_WITNESS = 'none'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/
const SIZE = /^([1-9]\d{0,15})(?:([KMGT])(?:i?B)?)?$/
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }
/** Throws Refusal HOLDFAST_MIRROR_OPTION, which names the option, why it cannot be so, and what would do. */
export function mirrorOptions(given: MirrorArguments): MirrorOptions {
  const { folder, create = false, overwrite = false, front = false } = given
  const name = checkedName('name', given.name)
  const host = checkedName('host', given.host)
  checkSocketPath('folder', folder, `${folder}/control.sock`)
  const listen = diskAddress('listen', given.listen)
  if (front && 'tcp' in listen)
    throw badOption('listen', given.listen, 'A front serves a unix socket.', 'Use unix:PATH, or leave --front out.')
  if (create && overwrite)
    throw badOption(
      'create',
      'used with --overwrite',
      'The one keeps what is there, and the other gives it up.',
      'Use one of them.',
    )
  return {
    ...{ name, host, folder, listen, create, overwrite, front },
    replica: parseReplicaSource(given.replica),
    sizeBytes: given.size === undefined ? null : sizeBytes(given.size),
    pair: mirrorPair(given, host),
  }
}

function checkedName(option: string, text: string): string {
  if (NAME.test(text)) return text
  const reason = 'A name has at most 63 letters, digits, dots, hyphens and underscores, and begins with a letter or digit.'
  throw badOption(option, text, reason, 'Choose another name; it must be the same at every start.')
}

/** `10G`, `512M`, or a number of bytes. */
export function sizeBytes(text: string): number {
  const [, count, unit] = SIZE.exec(text) ?? []
  if (count === undefined) throw badOption('size', text, 'It is not a size.', 'Write it as 10G, 512M, or a number of bytes.')
  const bytes = Number(count) * (UNITS[unit ?? ''] ?? 1)
  const trouble = sizeTrouble(bytes)
  if (trouble !== '') throw badOption('size', text, trouble, 'Choose another size.')
  return bytes
}

function mirrorPair(given: MirrorArguments, host: string): MirrorPair | null {
  const { witness, link, peer, key, plain = false } = given
  if (witness === NO_WITNESS) {
    if (peer === undefined && link === undefined && !plain) return null
    const reason = 'Two sides that lose sight of each other need a third vote.'
    throw badOption('witness', witness, reason, 'Name a witness, or leave --peer, --link and --plain out: a mirror of one.')
  }
  hostPort('witness', witness)
  const missing = Object.entries({ peer, link, key }).find(([, value]) => value === undefined)
  if (missing !== undefined || peer === undefined || link === undefined || key === undefined) {
    const reason = `A mirror with a witness has two sides and a key, and --${missing?.[0] ?? 'peer'} is missing.`
    throw badOption('witness', witness, reason, `Add it, or use --witness ${NO_WITNESS} for a mirror of one.`)
  }
  const pair = { link: portOnLinks('link', link), peer: peerOf(peer), witness, keyFile: key, plain }
  checkPair(pair, host, { peer, link })
  return pair
}

function peerOf(text: string): MirrorPair['peer'] {
  const at = text.indexOf('=')
  if (at === -1)
    throw badOption('peer', text, 'It is not NAME=HOST:PORT.', 'Write it as b=10.0.0.2:7801, with the --host of that side.')
  return { name: checkedName('peer', text.slice(0, at)), ...portOnLinks('peer', text.slice(at + 1)) }
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
